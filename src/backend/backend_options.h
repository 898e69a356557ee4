#ifndef ACCELERD_BACKEND_BACKEND_OPTIONS_H_
#define ACCELERD_BACKEND_BACKEND_OPTIONS_H_

#include <string>
#include <vector>

namespace accelerd {

/// Says which device a backend drives, and how.
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

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_BACKEND_OPTIONS_H_
