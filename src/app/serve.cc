#include "app/serve.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_join.h"
#include "app/account_check.h"
#include "app/daemon.h"
#include "app/open_files.h"
#include "app/shutdown_signals.h"
#include "base/allocator.h"
#include "base/log.h"
#include "base/signals.h"
#include "engine/device_lock.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr int kExitCannotStart = 1;
constexpr int kExitDeviceOwned = 4;

using Event = ShutdownSignals::Event;

/// How long the last answers may take once their calls were given up, and how long models may take to leave the device.
constexpr std::chrono::seconds kLastAnswers{2};
constexpr std::chrono::seconds kTeardown{5};

/// Ends the process without destructors: threads may be inside the device's driver.
[[noreturn]] void ExitAtOnce(int code) {
  FlushLog();
  std::_Exit(code);
}

/// Says why the service cannot start, as a command does.
void Complain(const absl::Status& status) {
  PrintLine(fmt::format("accelerd: {}", Message(status)));
}

/// Waits for a timeout or notification; a second signal ends the process.
Event WaitOrExit(ShutdownSignals& signals, std::chrono::milliseconds timeout) {
  const Event event = signals.Wait(timeout);
  if (event == Event::kSignal) {
    LogWarning("serve", "a second signal: ending at once");
    ExitAtOnce(128 + signals.signal());
  }
  return event;
}

/// What keeps other services off the devices that one process alone may open.
absl::StatusOr<DeviceLock> LockDevices(const ServeOptions& options) {
  return DeviceLock::Acquire(options.lock_dir, DeviceKeysOf(options.device, options.device_lock == "always"),
                             fmt::format("process {} at {}", getpid(), absl::StrJoin(options.listen, ", ")));
}

int Shutdown(std::unique_ptr<Daemon> daemon, ShutdownSignals& signals, const ServeOptions& options) {
  LogInfo("serve", fmt::format("{}: draining", SignalName(signals.signal())));
  daemon->AnnounceStop();
  if (options.drain_delay.count() > 0) {
    WaitOrExit(signals, options.drain_delay);
  }
  daemon->StopAccepting();
  daemon->NotifyIdle([&signals](const absl::Status&) { signals.Notify(); });
  if (WaitOrExit(signals, options.drain_timeout) != Event::kNotified) {
    LogWarning("serve", fmt::format("accepted calls did not finish within {} ms: refusing what is left",
                                    options.drain_timeout.count()));
    daemon->GiveUp();
    WaitOrExit(signals, kLastAnswers);
    daemon->LogStats();
    ExitAtOnce(0);
  }
  daemon->LogStats();
  // A model that is just being compiled holds its device's thread: the process does not wait for it.
  std::thread teardown([&daemon, &signals] {
    daemon.reset();
    signals.Notify();
  });
  if (WaitOrExit(signals, kTeardown) != Event::kNotified) {
    LogWarning("serve", "the device did not let go of its models in time");
    ExitAtOnce(0);
  }
  teardown.join();
  LogInfo("serve", "stopped");
  FlushLog();
  return 0;
}

}  // namespace

int RunService(const ServeOptions& wanted) {
  if (const absl::StatusOr<LogLevel> level = ParseLogLevel(wanted.log_level); level.ok()) {
    SetLogLevel(*level);
  }
  StartLogThread();
  KeepFreedMemory();
  RaiseOpenFileLimit(static_cast<std::size_t>(wanted.max_connections));
  ServeOptions options = wanted;
  for (const std::string& message : DropUnusableFolders(options)) {
    LogWarning("serve", message);
  }
  ShutdownSignals signals;
  const absl::StatusOr<DeviceLock> lock = LockDevices(options);
  if (!lock.ok()) {
    Complain(lock.status());
    ExitAtOnce(absl::IsAlreadyExists(lock.status()) ? kExitDeviceOwned : kExitCannotStart);
  }
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(options, lock->descriptors());
  if (!daemon.ok()) {
    Complain(daemon.status());
    ExitAtOnce(kExitCannotStart);
  }
  signals.Wait(std::nullopt);
  return Shutdown(*std::move(daemon), signals, options);
}

}  // namespace accelerd
