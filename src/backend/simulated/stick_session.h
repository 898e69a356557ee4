#ifndef ACCELERD_BACKEND_SIMULATED_STICK_SESSION_H_
#define ACCELERD_BACKEND_SIMULATED_STICK_SESSION_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "backend/backend.h"
#include "backend/simulated/run_queue.h"
#include "backend/simulated/stick_file.h"

namespace accelerd {

/// A simulated stick in the hands of this process: watches its state file, lets faults strike, and runs inferences.
///
/// Every inference looks whether the file was changed, so that a change concerns all that begin after it; a thread
/// looks every 20 ms. Inferences are counted in the file with a delay of up to 100 ms when nothing else is written.
/// Open, Load and Probe are called by one thread; the rest is thread-safe.
class StickSession {
 public:
  StickSession(const std::string& path, Backend::OnLost on_lost);

  /// Gives the stick back.
  ~StickSession();

  /// Takes and opens the stick; what came before is over. kUnavailable: it is not there, somebody else owns it, or a
  /// fault strikes.
  absl::Status Open();

  /// Takes the time and the faults of loading a model on a stick with `memory_used` bytes taken, and returns the bytes
  /// that it takes. kUnavailable, kInternal, kResourceExhausted: the faults, or the stick is full.
  absl::StatusOr<std::uint64_t> Load(std::string_view model, std::uint64_t memory_used);

  /// kUnavailable: the stick is gone.
  absl::Status Probe();

  /// Begins an inference as CompiledModel::Start does.
  void Run(SimulatedRun run) { queue_.Add(std::move(run)); }

  /// As Backend::Abandon.
  void Abandon();

  /// How many inferences the stick runs at once.
  int slots();

 private:
  /// An event's faults, and the stick's settings at that time.
  struct Event {
    FaultEffects effects;
    StickSettings settings;
  };

  absl::Status Take(Event& event);
  Event Meet(FaultStage stage, std::string_view model);
  std::optional<Event> NothingNew(FaultStage stage);
  Event Synchronize(FaultStage stage, std::string_view model);
  void Obey(const Event& event);
  RunPlan Plan(const SimulatedModelInfo& model);
  bool Sleep(Duration duration, double factor);
  absl::Status WaitUntilGone();
  bool Gone();
  void Lose();
  void Watch();
  bool HasNews();

  StickFile file_;
  const Backend::OnLost on_lost_;
  StickFile::Ownership ownership_;  ///< Of the thread that opens.

  std::mutex synchronize_mutex_;  ///< Orders what is read from the file. Taken before mutex_.

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool open_ = false;
  bool gone_ = true;              ///< Lost or given up.
  StickState state_;              ///< As of the last look at the file.
  std::uint64_t unplugs_ = 0;     ///< When the stick was opened.
  FaultEffects of_this_opening_;  ///< Strike every inference until the next one.
  std::uint64_t uncounted_runs_ = 0;
  Time written_{};
  std::string last_error_;
  std::mt19937_64 random_;

  RunQueue queue_;
  std::thread watcher_;  ///< Last: uses the others.
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_STICK_SESSION_H_
