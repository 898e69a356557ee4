#ifndef ACCELERD_ENGINE_ALARM_H_
#define ACCELERD_ENGINE_ALARM_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"

namespace accelerd {

/// Calls a function when a time has come, on a thread of its own. Thread-safe.
class Alarm {
 public:
  /// `clock` outlives the alarm. `ring` may call Set. What it throws is logged, and it is called again a moment later.
  Alarm(std::function<void()> ring, const Clock& clock);

  /// Joins the thread; `ring` is not called afterwards.
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Rings once at `at`, in place of what was set before; unset: not at all. May ring early: who is called judges the
  /// time himself, and sets it again.
  void Set(std::optional<Time> at);

 private:
  void Run();

  const std::function<void()> ring_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Time> at_;
  std::optional<Time> waiting_until_;  ///< What the thread waits for now.
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ALARM_H_
