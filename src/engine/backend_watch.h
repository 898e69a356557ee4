#ifndef ACCELERD_ENGINE_BACKEND_WATCH_H_
#define ACCELERD_ENGINE_BACKEND_WATCH_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "base/clock.h"
#include "engine/alarm.h"

namespace accelerd {

/// Gives up on a backend that does not answer, from a thread of its own. Thread-safe.
class BackendWatch {
 public:
  /// `on_loss` hears of it before the backend is abandoned: kUnavailable, of kind kUnresponsive for a call that takes
  /// too long. `clock` outlives the watch.
  BackendWatch(std::function<void(const absl::Status&)> on_loss, const Clock& clock);
  ~BackendWatch() = default;
  BackendWatch(const BackendWatch&) = delete;
  BackendWatch& operator=(const BackendWatch&) = delete;

  /// The backend to watch; null: none. It stays alive until it is replaced.
  void Attach(Backend* backend);

  /// A blocking call of the backend, which may take as long as `bound`, as long as the object lives. One at a time.
  class Call {
   public:
    Call(BackendWatch& watch, std::string what, Duration bound);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    BackendWatch& watch_;
  };

  /// Gives up soon, for `reason`, on the watch's thread.
  void GiveUp(absl::Status reason);

  /// Abandons the backend if a call is under way, without a word to on_loss.
  void EndCall();

  /// Ends the thread: nothing is reported any more.
  void Close();

 private:
  void Ring();

  const std::function<void(const absl::Status&)> on_loss_;
  const Clock& clock_;
  std::mutex mutex_;
  std::mutex backend_mutex_;  ///< Held while the backend is abandoned, and to replace it. After mutex_, if both.
  Backend* backend_ = nullptr;
  std::string call_;              ///< What is under way; empty: nothing.
  std::optional<Time> deadline_;  ///< Of the call.
  Duration bound_{};
  std::optional<absl::Status> reason_;  ///< Asked for by GiveUp.
  std::unique_ptr<Alarm> alarm_;        // Last: its thread uses the rest.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_BACKEND_WATCH_H_
