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

/// Returns kInvalidArgument when the device string can never name a device of this runtime: when a device of it, such
/// as "XPU" in "AUTO:XPU,CPU", is of a kind that no plugin drives, or when it lists devices without saying how to
/// combine them. Loads no plugin.
absl::Status CheckName(const std::string& device);

/// Does the same, and returns kUnavailable when a plugin of the device string cannot be loaded, for example because its
/// driver is not installed. Opens no device. Takes up to a second.
absl::Status CheckKind(const std::string& device);

/// The kinds of devices that have a plugin, virtual ones included: "CPU, GPU, NPU, AUTO, …". Loads no plugin.
std::vector<std::string> KnownKinds();

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
