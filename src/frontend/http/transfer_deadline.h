#ifndef ACCELERD_FRONTEND_HTTP_TRANSFER_DEADLINE_H_
#define ACCELERD_FRONTEND_HTTP_TRANSFER_DEADLINE_H_

#include <algorithm>
#include <cstddef>

#include "base/clock.h"

namespace accelerd {

/// Says when a transfer is too slow: when nothing arrives for `patience`, or when the bytes arrive at less than
/// `min_rate` a second for so long that they fall behind by `patience`. Bytes that arrived fast earn no time for later.
class TransferDeadline {
 public:
  /// `min_rate` is in bytes a second. REQUIRES: min_rate > 0.
  TransferDeadline(Duration patience, std::size_t min_rate, Time now)
      : patience_(patience), min_rate_(min_rate), end_(now + patience) {}

  /// Counts `bytes` that were transferred by `now`.
  void Progress(std::size_t bytes, Time now) {
    const std::chrono::duration<double> earned(static_cast<double>(bytes) / static_cast<double>(min_rate_));
    // Limited before it is converted: the bytes of a large body at a low rate are more time than a Duration holds.
    end_ = earned >= patience_ ? now + patience_
                               : std::min(now + patience_, end_ + std::chrono::duration_cast<Duration>(earned));
  }

  /// Moves the deadline by a time in which the transfer could not go on.
  void Postpone(Duration pause) { end_ += pause; }

  /// Returns the time that is left, which is 0 or less when the transfer is too slow.
  Duration Left(Time now) const { return end_ - now; }

 private:
  Duration patience_;
  std::size_t min_rate_;
  Time end_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_TRANSFER_DEADLINE_H_
