#ifndef ACCELERD_ENGINE_RECENT_USE_H_
#define ACCELERD_ENGINE_RECENT_USE_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "engine/scheduler_stats.h"

namespace accelerd {

/// What was used in each of the last 60 seconds: sums over a window that slides with the time. Not thread-safe.
class RecentUse {
 public:
  /// Adds `amount` of the resource, which was used at a constant rate from `from` to `to`. `to` is now.
  void Add(Resource resource, Duration amount, Time from, Time to);

  /// Counts a job that ended with a result now.
  void CountCompleted(Time now) { At(SecondOf(now)).completed++; }

  /// Adds everything that `other` counted.
  void Merge(const RecentUse& other);

  /// Returns the use in the last `window`. REQUIRES: a whole number of seconds, at most 60.
  RecentShare Over(std::chrono::seconds window, Time now) const;

 private:
  struct Second {
    std::array<float, kResources> used{};  ///< Seconds, by Resource.
    std::uint32_t completed = 0;
  };
  static constexpr std::int64_t kKept = 64;  ///< Seconds. A power of two, over 60.

  static std::int64_t SecondOf(Time time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  }
  static std::size_t PlaceOf(std::int64_t second) { return static_cast<std::size_t>(second) % kKept; }

  /// The entry of a second that is now or in the past. Forgets what is too old beside it.
  Second& At(std::int64_t second);

  std::array<Second, kKept> seconds_{};  ///< Indexed by PlaceOf.
  std::int64_t newest_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RECENT_USE_H_
