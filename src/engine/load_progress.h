#ifndef ACCELERD_ENGINE_LOAD_PROGRESS_H_
#define ACCELERD_ENGINE_LOAD_PROGRESS_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/done.h"
#include "engine/engine_model.h"
#include "engine/file_stamp.h"
#include "engine/load_request.h"
#include "model/model_status.h"

namespace accelerd {

/// Calls that wait for one result, each at most until its own deadline. Thread-compatible.
class Waiters {
 public:
  /// `late`: what the call asked for when it came after the files began to be read, so that the result may be of older
  /// files than the caller means.
  void Add(Done<> done, Time deadline, std::optional<LoadRequest> late = std::nullopt) {
    waiters_.push_back({std::move(done), deadline, std::move(late)});
  }

  /// Completes every call; none is left.
  void Complete(const absl::Status& status) {
    for (Waiter& waiter : std::exchange(waiters_, {})) {
      waiter.done(status);
    }
  }

  /// Adds the calls of `other`.
  void Join(Waiters other) { std::move(other.waiters_.begin(), other.waiters_.end(), std::back_inserter(waiters_)); }

  /// Takes the calls whose deadline is not after `now`.
  Waiters TakeExpired(Time now) {
    return Take([now](const Waiter& waiter) { return waiter.deadline <= now; });
  }

  /// Takes the calls that came late, with what they asked for.
  std::vector<std::pair<LoadRequest, Done<>>> TakeLate() {
    std::vector<std::pair<LoadRequest, Done<>>> late;
    for (Waiter& waiter : Take([](const Waiter& one) { return one.late.has_value(); }).waiters_) {
      late.emplace_back(*std::move(waiter.late), std::move(waiter.done));
    }
    return late;
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
    std::optional<LoadRequest> late;
  };

  template <typename Predicate>
  Waiters Take(Predicate predicate) {
    Waiters taken;
    const auto first = std::stable_partition(waiters_.begin(), waiters_.end(),
                                             [&](const Waiter& waiter) { return !predicate(waiter); });
    std::move(first, waiters_.end(), std::back_inserter(taken.waiters_));
    waiters_.erase(first, waiters_.end());
    return taken;
  }

  std::vector<Waiter> waiters_;
};

/// How far the load of a wanted model is.
struct LoadProgress {
  ModelState state = ModelState::kLoading;  ///< kReady from the first success on, also while the device is lost.
  std::string reason;                       ///< Why the model is kUnavailable, or why its load has to be tried again.
  bool placed = false;                      ///< The model is on the device: jobs run.
  bool reading = false;                     ///< The device has begun to load it.
  Waiters waiters;
  Time since{};                   ///< When the device began to load it.
  ModelHandle handle;             ///< Set from the first time that the model is kReady.
  std::vector<FileStamp> stamps;  ///< The files that it was loaded from, or failed to be loaded from.
  std::uint64_t bytes = 0;        ///< Size of the files, as far as it is known.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_PROGRESS_H_
