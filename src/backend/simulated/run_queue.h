#ifndef ACCELERD_BACKEND_SIMULATED_RUN_QUEUE_H_
#define ACCELERD_BACKEND_SIMULATED_RUN_QUEUE_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend/backend.h"

namespace accelerd {

/// The model of a run.
struct SimulatedModelInfo {
  std::string name;
  ModelInfo info;
};

/// An inference that the stick was asked for.
struct SimulatedRun {
  std::shared_ptr<const SimulatedModelInfo> model;
  Tensors inputs;
  Tensors outputs;
  Done<RunResult> done;
};

/// What becomes of a run, as decided when it begins.
struct RunPlan {
  absl::Status status;  ///< Of the run, when it is over.
  Duration latency{};
  bool hangs = false;
  bool wrong_output = false;
};

/// The stick's own thread: begins runs in their order, as many at once as there are slots, and completes each when its
/// time is over. Thread-safe.
class RunQueue {
 public:
  /// `plan` is called on the stick's thread when a run begins.
  using Planner = std::function<RunPlan(const SimulatedModelInfo& model)>;

  explicit RunQueue(Planner plan);

  /// Completes what is left with kUnavailable.
  ~RunQueue();

  /// Runs are taken from now on. REQUIRES: none is outstanding.
  void Open(int slots);

  /// Completes every outstanding run with `status`, and further ones too, until Open.
  void Fail(absl::Status status);

  /// `run.done` is called on the stick's thread, after the run gave its slot back.
  void Add(SimulatedRun run);

 private:
  struct Running {
    SimulatedRun run;
    RunPlan plan;
    Time begin;
  };

  void Loop();
  void FailAll(std::unique_lock<std::mutex>& lock);
  void BeginNext(std::unique_lock<std::mutex>& lock);
  void CompleteFirst(std::unique_lock<std::mutex>& lock);
  static void Complete(Running running);

  const Planner plan_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  int slots_ = 1;
  absl::Status failure_;  ///< OK: runs are taken.
  std::deque<SimulatedRun> waiting_;
  std::multimap<Time, Running> running_;  ///< By the time when they are over.

  std::thread thread_;  ///< Last: uses the others.
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_RUN_QUEUE_H_
