#ifndef ACCELERD_ENGINE_RUN_TIMES_H_
#define ACCELERD_ENGINE_RUN_TIMES_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/clock.h"

namespace accelerd {

/// The median of the last few times that runs of a model took.
class RunTimes {
 public:
  void Add(Duration time) {
    const auto end = sorted_.begin() + count_;
    // Where the oldest one was, or behind all.
    auto place = count_ < kKept ? end : std::lower_bound(sorted_.begin(), end, times_[next_]);
    count_ = std::min(count_ + 1, kKept);
    for (; place != sorted_.begin() && *(place - 1) > time; --place) {
      *place = *(place - 1);
    }
    for (; place + 1 < sorted_.begin() + count_ && *(place + 1) < time; ++place) {
      *place = *(place + 1);
    }
    *place = time;
    times_[next_] = time;
    next_ = (next_ + 1) % kKept;
  }

  /// REQUIRES: a time was added.
  Duration Median() const { return sorted_[static_cast<std::size_t>(count_ / 2)]; }

 private:
  static constexpr std::ptrdiff_t kKept = 15;

  std::array<Duration, kKept> times_{};   ///< In a ring.
  std::array<Duration, kKept> sorted_{};  ///< The same.
  std::size_t next_ = 0;
  std::ptrdiff_t count_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RUN_TIMES_H_
