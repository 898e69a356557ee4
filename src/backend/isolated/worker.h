#ifndef ACCELERD_BACKEND_ISOLATED_WORKER_H_
#define ACCELERD_BACKEND_ISOLATED_WORKER_H_

#include <span>
#include <string>

namespace accelerd {

/// Runs this process as the worker of the daemon that started it, with the socket in kWorkerSocket: drives the device
/// that `hello` names with the backend that CreateBackend makes. Ends the process when the daemon says so or is gone,
/// whatever the driver is doing. Returns the exit code when it was not started by a daemon: 2.
int RunWorker(std::span<const std::string> arguments);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_WORKER_H_
