#ifndef ACCELERD_BACKEND_REGISTRY_H_
#define ACCELERD_BACKEND_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/backend_options.h"

namespace accelerd {

/// The backend that drives `options.device`. The device is not opened yet. kInvalidArgument: nothing drives a device of
/// this name.
absl::StatusOr<std::unique_ptr<Backend>> CreateBackend(const BackendOptions& options, Backend::OnLost on_lost);

/// Returns kInvalidArgument when `device` can never name a device, and which names can. A device that is absent, or
/// whose driver is not installed, may come. Opens no device and loads no driver.
absl::Status CheckDeviceName(const std::string& device);

/// Does the same, and returns kUnavailable when the driver cannot be loaded. Opens no device. Takes up to a second.
absl::Status CheckDevice(const std::string& device);

/// The devices that the backends find now; may take a second.
absl::StatusOr<std::vector<DeviceDescription>> ListDevices();

/// Name and version of each runtime, for people: "OpenVINO 2026.4.1-…".
std::vector<std::string> RuntimeVersions();

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_REGISTRY_H_
