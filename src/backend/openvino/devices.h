#ifndef ACCELERD_BACKEND_OPENVINO_DEVICES_H_
#define ACCELERD_BACKEND_OPENVINO_DEVICES_H_

#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/backend_options.h"
#include "openvino/core/any.hpp"

namespace accelerd::openvino {

/// The devices that OpenVINO's plugins find. Virtual ones, such as AUTO and BATCH, are not among them.
absl::StatusOr<std::vector<DeviceDescription>> ListDevices();

/// kInvalidArgument when a device of the device string, such as "AUTO:GPU,CPU", is of a kind that no plugin of this
/// runtime drives, kUnavailable when the plugin cannot be loaded. No device is opened.
absl::Status CheckKind(const std::string& device);

/// "OpenVINO 2026.4.1-…".
std::string RuntimeVersion();

/// Everything about `device` on this machine that a compiled model and its results depend on, as text.
std::string DeviceIdentity(const std::string& device);

/// The same; empty when a model that was compiled for it cannot be exported and imported.
std::string CompilationIdentity(const std::string& device);

/// The runtime's properties for compiling with `settings`. kFailedPrecondition when the device does not know one of
/// them.
absl::StatusOr<ov::AnyMap> CompileProperties(const std::string& device, const CompileSettings& settings);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_DEVICES_H_
