#ifndef ACCELERD_APP_SHUTDOWN_SIGNALS_H_
#define ACCELERD_APP_SHUTDOWN_SIGNALS_H_

#include <chrono>
#include <optional>

#include "base/unique_fd.h"

namespace accelerd {

/// SIGINT and SIGTERM as events of the main thread, together with one event of the service's own.
class ShutdownSignals {
 public:
  enum class Event { kSignal, kNotified, kTimeout };

  /// Blocks both signals in this thread and those that it starts later: to be made before any other thread. Ignores
  /// SIGPIPE.
  ShutdownSignals();

  /// Waits for one of the events; without `timeout` for as long as it takes. A notification is consumed.
  Event Wait(std::optional<std::chrono::milliseconds> timeout);

  /// The last signal that Wait returned for.
  int signal() const { return signal_; }

  /// Makes Wait return kNotified. Thread-safe.
  void Notify();

 private:
  UniqueFd signals_;
  UniqueFd notified_;
  int signal_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_APP_SHUTDOWN_SIGNALS_H_
