#ifndef ACCELERD_BACKEND_REGISTRY_H_
#define ACCELERD_BACKEND_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace accelerd {

struct BackendOptions {
  std::string device = "CPU";  ///< As the runtime names it: "CPU", "GPU.0", "NPU", "BATCH:CPU(4)"; or "SIMULATED:FILE".
  std::string cache_directory = {};  ///< Of compiled models; empty: no cache.

  enum class Isolation {
    kNone,   ///< The device is driven in this process.
    kWorker  ///< In a child process, whose end this one survives.
  };
  Isolation isolation = Isolation::kNone;
  std::vector<std::string> worker_command = {};  ///< Default: this program, as `accelerd worker`.
  std::vector<int> worker_descriptors = {};      ///< Held by the worker as long as it lives, such as locks.
};

/// A device that this machine has.
struct DeviceDescription {
  std::string name;       ///< What `--device` takes.
  std::string full_name;  ///< What its maker calls it.
};

/// The backend that drives `options.device`. The device is not opened yet. kInvalidArgument: nothing drives a device of
/// this name.
absl::StatusOr<std::unique_ptr<Backend>> CreateBackend(const BackendOptions& options, Backend::OnLost on_lost);

/// Whether `device` is well formed and its runtime has a driver for its kind; may take a second, and opens no device.
/// kInvalidArgument: it is not. kUnavailable: the driver cannot be loaded.
absl::Status CheckDevice(const std::string& device);

/// The devices that the backends find now; may take a second.
absl::StatusOr<std::vector<DeviceDescription>> ListDevices();

/// Name and version of each runtime, for people: "OpenVINO 2026.4.1-…".
std::vector<std::string> RuntimeVersions();

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_REGISTRY_H_
