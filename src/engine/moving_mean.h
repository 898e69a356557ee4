#ifndef ACCELERD_ENGINE_MOVING_MEAN_H_
#define ACCELERD_ENGINE_MOVING_MEAN_H_

#include <optional>

#include "base/clock.h"

namespace accelerd {

/// A moving mean of durations, in which the newest one counts an eighth.
class MovingMean {
 public:
  void Add(Duration value) { mean_ = mean_ ? *mean_ + (value - *mean_) / kNewestPart : value; }

  /// Unset before the first value.
  const std::optional<Duration>& value() const { return mean_; }

 private:
  static constexpr int kNewestPart = 8;

  std::optional<Duration> mean_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MOVING_MEAN_H_
