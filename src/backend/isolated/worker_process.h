#ifndef ACCELERD_BACKEND_ISOLATED_WORKER_PROCESS_H_
#define ACCELERD_BACKEND_ISOLATED_WORKER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd {

/// A descriptor that stands for a process, and is readable when it has ended; not valid when there is none.
UniqueFd OpenProcess(pid_t process);

/// A descriptor that is readable when a child of this process has ended: the child's pidfd, or where the kernel grants
/// none, an event that a thread of its own signals.
class EndOfChild {
 public:
  /// kResourceExhausted: there is no descriptor or thread for it. The child must not be reaped before Finish returns.
  static absl::StatusOr<std::unique_ptr<EndOfChild>> Watch(pid_t child);

  /// REQUIRES: Finish was called.
  ~EndOfChild() = default;
  EndOfChild(const EndOfChild&) = delete;
  EndOfChild& operator=(const EndOfChild&) = delete;

  int descriptor() const { return descriptor_.get(); }

  /// Waits for the end of the child.
  void Finish();

 private:
  EndOfChild() = default;

  UniqueFd descriptor_;
  std::thread thread_;  ///< Not joinable: the kernel does its work.
};

/// A child process that runs a worker.
///
/// It gets the socket as descriptor kWorkerSocket, those to inherit after it in their order, and no other; standard
/// output and error go into a pipe. It is in a process group of its own and ignores SIGINT, SIGTERM, SIGQUIT, SIGHUP,
/// SIGUSR1 and SIGUSR2, so that Ctrl-C and systemd reach the daemon alone. All other signals have their default action,
/// and none is blocked. The kernel kills it when the *thread* that started it ends. Kill and Wait are thread-safe.
class WorkerProcess {
 public:
  /// Runs `command`, found as a shell finds it; empty: this program as a worker. kUnavailable: it cannot be run.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Spawn(const std::vector<std::string>& command, int socket,
                                                              std::span<const int> inherit);

  /// REQUIRES: Reap was called.
  ~WorkerProcess() = default;
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }

  /// Readable when the process has ended.
  int descriptor() const { return end_->descriptor(); }

  /// What it writes to standard output and error; does not block.
  int output() const { return output_.get(); }

  void Kill();

  /// Whether it ends within `bound`.
  bool Wait(Duration bound) const;

  struct End {
    std::string how;                   ///< "was killed by signal 11 (Segmentation fault)"
    LossKind kind = LossKind::kCrash;  ///< kKilled when the signal is one that people and the kernel send.
  };

  /// Waits for its end. Once.
  End Reap();

 private:
  WorkerProcess(pid_t pid, std::unique_ptr<EndOfChild> end, UniqueFd output);

  const pid_t pid_;
  const std::unique_ptr<EndOfChild> end_;
  const UniqueFd output_;
  std::mutex mutex_;
  bool reaped_ = false;  ///< Its number may be that of another process.
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_WORKER_PROCESS_H_
