#ifndef ACCELERD_BACKEND_ISOLATED_WORKER_H_
#define ACCELERD_BACKEND_ISOLATED_WORKER_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/backend_options.h"

namespace accelerd {

/// The backends that a worker process can drive a device with.
struct WorkerBackends {
  /// Creates the backend of a device, as CreateBackend does.
  std::function<absl::StatusOr<std::unique_ptr<Backend>>(const BackendOptions&, Backend::OnLost)> create;
  /// Returns the name and the version of each runtime, as RuntimeVersions does.
  std::function<std::vector<std::string>()> versions;
};

/// Runs this process as the worker of the daemon that started it, with the socket in kWorkerSocket. Drives the device
/// that `hello` names with a backend of `backends`. Ends the process when the daemon says so or is gone, whatever the
/// driver is doing. Returns the exit code 2 if the process was not started by a daemon.
int RunWorker(std::span<const std::string> arguments, WorkerBackends backends);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_WORKER_H_
