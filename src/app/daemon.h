#ifndef ACCELERD_APP_DAEMON_H_
#define ACCELERD_APP_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "base/done.h"
#include "config/serve_options.h"

namespace accelerd {

/// The service's parts, wired from its options. Start, then the steps of a shutdown in the order of the methods.
class Daemon {
 public:
  /// Listens, and begins to load the models. A worker inherits `locks`, descriptors that keep others off the device.
  /// The error says what in the options or the machine stands in the way.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const ServeOptions& options, std::vector<int> locks);

  /// REQUIRES: Idle completed. Drops every model.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// The service says that it is not ready.
  void AnnounceStop();

  /// No new connections; new calls on kept ones are refused; accepted calls go on.
  void StopAccepting();

  /// Completes when every accepted call has been answered; on any thread.
  void NotifyIdle(Done<> done);

  /// Answers what is left with kUnavailable.
  void GiveUp();

  /// Says in the log what clients asked for and got.
  void LogStats() const;

 private:
  class Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace accelerd

#endif  // ACCELERD_APP_DAEMON_H_
