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
    times_[next_] = time;
    next_ = (next_ + 1) % times_.size();
    count_ = std::min(count_ + 1, times_.size());
  }

  /// REQUIRES: a time was added.
  Duration Median() const {
    std::array<Duration, kKept> sorted = times_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(count_ / 2);
    std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(count_));
    return *middle;
  }

 private:
  static constexpr std::size_t kKept = 15;

  std::array<Duration, kKept> times_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RUN_TIMES_H_
