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

/// Keeps one problem that happens again and again from filling the log: lets a message through when it differs from the
/// last one in more than numbers, such as ids of processes, and else once in an interval. Not thread-safe.
class RepeatThrottle {
 public:
  explicit RepeatThrottle(Duration interval) : interval_(interval) {}

  /// What to log for one more occurrence of `message`, as LogThrottle says it.
  std::optional<std::string> Admit(std::string message, Time now) {
    std::string kind = message;
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
    if (!throttle_ || kind != kind_) {
      throttle_.emplace(interval_);
      kind_ = std::move(kind);
    }
    return throttle_->Admit(std::move(message), now);
  }

  /// The problem is over: the next message is logged in any case.
  void Clear() { throttle_.reset(); }

 private:
  const Duration interval_;
  std::optional<LogThrottle> throttle_;
  std::string kind_;  ///< The last message without its digits.
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_LOG_THROTTLE_H_
