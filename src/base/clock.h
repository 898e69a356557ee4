#ifndef ACCELERD_BASE_CLOCK_H_
#define ACCELERD_BASE_CLOCK_H_

#include <atomic>
#include <chrono>

namespace accelerd {

/// Monotonic time of the machine. Wall-clock time appears in logs only.
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

inline double ToSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Where the shells around the pure cores take their time from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;

  /// The machine's steady clock.
  static const Clock& Steady();
};

/// A clock that tests move by hand. Thread-safe.
class FakeClock : public Clock {
 public:
  Time Now() const override { return Time(Duration(ticks_.load())); }
  void Advance(Duration step) { ticks_ += step.count(); }

 private:
  std::atomic<Duration::rep> ticks_{1};
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_CLOCK_H_
