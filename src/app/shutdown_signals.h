#ifndef ACCELERD_APP_SHUTDOWN_SIGNALS_H_
#define ACCELERD_APP_SHUTDOWN_SIGNALS_H_

#include <chrono>
#include <optional>

#include "base/unique_fd.h"

namespace accelerd {

/// Signals as events of the main thread, together with one event of the service's own.
///
/// SIGTERM, SIGINT and SIGQUIT ask the service to end, and so does SIGXCPU, which says that its CPU time is nearly used
/// up. SIGHUP, SIGUSR1 and SIGUSR2 are logged and change nothing. IgnoreStraySignals ignores the others that would end
/// the process.
class ShutdownSignals {
 public:
  enum class Event { kSignal, kNotified, kTimeout };

  /// Blocks these signals in this thread and in those that it starts later. Make it before any other thread that does
  /// not block all signals.
  ShutdownSignals();

  /// Waits for one of the events; without `timeout` for as long as it takes. A notification is consumed. The kernel
  /// repeats SIGXCPU each second; only the first is an event.
  Event Wait(std::optional<std::chrono::milliseconds> timeout);

  /// The last signal that Wait returned for.
  int signal() const { return signal_; }

  /// Makes Wait return kNotified. Thread-safe.
  void Notify();

 private:
  bool EndsService(int number);

  UniqueFd signals_;
  UniqueFd notified_;
  int signal_ = 0;
  bool out_of_time_ = false;  ///< SIGXCPU has come.
};

}  // namespace accelerd

#endif  // ACCELERD_APP_SHUTDOWN_SIGNALS_H_
