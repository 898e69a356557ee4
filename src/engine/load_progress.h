#ifndef ACCELERD_ENGINE_LOAD_PROGRESS_H_
#define ACCELERD_ENGINE_LOAD_PROGRESS_H_

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/done.h"
#include "engine/engine_model.h"
#include "engine/file_stamp.h"
#include "model/model_status.h"

namespace accelerd {

/// Calls that wait for one result, each at most until its own deadline. Thread-compatible.
class Waiters {
 public:
  void Add(Done<> done, Time deadline) { waiters_.push_back({std::move(done), deadline}); }

  /// Completes every call; none is left.
  void Complete(const absl::Status& status) {
    for (Waiter& waiter : std::exchange(waiters_, {})) {
      waiter.done(status);
    }
  }

  /// Adds those of `other`.
  void Join(Waiters other) { std::move(other.waiters_.begin(), other.waiters_.end(), std::back_inserter(waiters_)); }

  /// Those whose deadline is not after `now`.
  Waiters TakeExpired(Time now) {
    Waiters expired;
    const auto first =
        std::partition(waiters_.begin(), waiters_.end(), [now](const Waiter& waiter) { return waiter.deadline > now; });
    std::move(first, waiters_.end(), std::back_inserter(expired.waiters_));
    waiters_.erase(first, waiters_.end());
    return expired;
  }

  std::optional<Time> first_deadline() const {
    const auto first = std::min_element(waiters_.begin(), waiters_.end(),
                                        [](const Waiter& a, const Waiter& b) { return a.deadline < b.deadline; });
    return first == waiters_.end() || first->deadline == Time::max() ? std::nullopt : std::optional(first->deadline);
  }

  bool empty() const { return waiters_.empty(); }

 private:
  struct Waiter {
    Done<> done;
    Time deadline;
  };
  std::vector<Waiter> waiters_;
};

/// How far the load of a wanted model is.
struct LoadProgress {
  ModelState state = ModelState::kLoading;
  std::string reason;   ///< Why it is kUnavailable.
  bool placed = false;  ///< It is on the device: jobs run.
  Waiters waiters;
  Time since{};                   ///< When the device began with it.
  ModelHandle handle;             ///< From the first time that it is kReady.
  std::vector<FileStamp> stamps;  ///< Of what it was loaded from, or failed to.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_PROGRESS_H_
