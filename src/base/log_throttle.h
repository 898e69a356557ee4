#ifndef ACCELERD_BASE_LOG_THROTTLE_H_
#define ACCELERD_BASE_LOG_THROTTLE_H_

#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "fmt/core.h"

namespace accelerd {

/// Keeps a line that may be due very often from filling the log. Not thread-safe.
class LogThrottle {
 public:
  explicit LogThrottle(Duration interval) : interval_(interval) {}

  /// What to log for one more occurrence of `message`: the message, and how many were not logged since the last one;
  /// nullopt when the last one was logged less than the interval ago.
  std::optional<std::string> Admit(std::string message, Time now) {
    if (next_ && now < *next_) {
      ++suppressed_;
      return std::nullopt;
    }
    next_ = now + interval_;
    if (const std::size_t count = std::exchange(suppressed_, 0); count > 0) {
      message += fmt::format(" ({} more since the last such line)", count);
    }
    return message;
  }

 private:
  const Duration interval_;
  std::optional<Time> next_;
  std::size_t suppressed_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_LOG_THROTTLE_H_
