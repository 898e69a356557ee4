#ifndef ACCELERD_BACKEND_ISOLATED_WORKER_SESSION_H_
#define ACCELERD_BACKEND_ISOLATED_WORKER_SESSION_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "backend/isolated/announced_regions.h"
#include "backend/isolated/channel.h"
#include "backend/isolated/worker_output.h"
#include "backend/isolated/worker_process.h"
#include "base/log.h"

namespace accelerd {

/// An inference in a worker.
struct WorkerRun {
  std::uint32_t model = 0;
  std::shared_ptr<const ModelInfo> info;
  Tensors inputs;          ///< Where the worker reads; in shared memory.
  Tensors staged_outputs;  ///< Where it writes; in shared memory, or empty: it makes them.
  Tensors outputs;         ///< Those of the caller.
  Done<RunResult> done;
};

/// One life of a worker, from its start to its end, which may come at any time.
///
/// A thread starts the process, reads its messages and reaps it, because the kernel ties a child to the thread that
/// started it. Completions run on that thread. Outputs of runs that a lost worker had are kept until it is reaped: it
/// may write to them until then. Thread-safe.
class WorkerSession : public std::enable_shared_from_this<WorkerSession> {
 public:
  /// Begins to start a worker; what goes wrong shows in the first Call. `device` is for messages; for the command and
  /// the descriptors see WorkerProcess. `level` is that of the lines which say that the worker starts and ends.
  static absl::StatusOr<std::shared_ptr<WorkerSession>> Start(const std::string& device,
                                                              const std::vector<std::string>& command,
                                                              const std::vector<int>& inherit, LogLevel level,
                                                              Backend::OnLost on_lost);

  /// REQUIRES: Close returned true, or LetGo was called.
  ~WorkerSession() = default;

  /// Asks, and waits for the answer: its body, or the error that it is. kUnavailable: the worker is lost, or there is
  /// no answer in `bound`, if there is one. One thread at a time.
  absl::StatusOr<std::string> Call(MessageType type, std::string_view body, std::optional<Duration> bound);

  /// From now on a loss is reported to on_lost, once. The loss when it has happened already.
  absl::Status ReportLoss();

  /// Begins an inference, and takes `run`, unless it returns an error. Does not block.
  absl::Status StartRun(WorkerRun& run);

  /// The worker destroys the model. Does not wait for it.
  void DropModel(std::uint32_t model);

  /// Tells the worker of shared memory that is gone.
  void ForgetRegions();

  /// Kills the worker. Its runs complete with kUnavailable; on_lost is not called.
  void Abandon();

  /// Ends the worker, kindly if it listens. False when it cannot even be killed now: it is stuck in the kernel.
  bool Close();

  /// Gives up on a worker that Close could not end.
  void LetGo();

 private:
  WorkerSession(const std::string& device, LogLevel level, Backend::OnLost on_lost, UniqueFd socket);

  void Main(const std::vector<std::string>& command, const std::vector<int>& inherit, UniqueFd worker_socket);
  std::optional<absl::Status> Serve();
  absl::StatusOr<bool> ReceiveAll();
  absl::Status Handle(ReceivedMessage message);
  void TakeAnswer(std::uint64_t sequence, absl::StatusOr<std::string> answer);
  absl::Status FinishRun(std::uint64_t sequence, std::string_view body);
  void Finish(const std::optional<absl::Status>& reason);
  void MarkReaped();
  void Break(absl::Status reason, bool report);
  absl::Status SendStart(std::uint64_t sequence, const WorkerRun& run);
  absl::Status Lost(std::string_view what, LossKind kind = LossKind::kCrash) const;

  const std::string device_;
  const std::string component_;
  const LogLevel level_;
  const Backend::OnLost on_lost_;
  Channel channel_;
  AnnouncedRegions regions_{channel_};
  std::atomic<std::uint64_t> last_sequence_{0};
  WorkerOutput output_;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<WorkerProcess> process_;  ///< Set once, by the thread.
  std::optional<absl::Status> end_;         ///< Why there is nothing to be had from the worker any more.
  bool told_ = false;                       ///< Who has to know of the end knows it: calls may fail.
  bool reaped_ = false;
  bool report_ = false;      ///< Whether a loss is reported.
  std::uint64_t asked_ = 0;  ///< The question that is open; 0: none.
  std::optional<absl::StatusOr<std::string>> answer_;
  std::unordered_map<std::uint64_t, WorkerRun> runs_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_WORKER_SESSION_H_
