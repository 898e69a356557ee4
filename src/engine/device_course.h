#ifndef ACCELERD_ENGINE_DEVICE_COURSE_H_
#define ACCELERD_ENGINE_DEVICE_COURSE_H_

#include <optional>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/status.h"
#include "engine/next_action.h"
#include "engine/restart_policy.h"

namespace accelerd {

struct DeviceCourseOptions {
  bool recovers_hangs = true;  ///< Else a device that hangs is STUCK. Default: true.
  Duration probe_interval{};   ///< 0: never.
  Duration canary_interval{};  ///< 0: never.
};

/// A device's way from OPENING to LOST and back, as its thread drives it, and when it acts next. Pure: what happened is
/// told, with the time. Thread-compatible.
class DeviceCourse {
 public:
  explicit DeviceCourse(const DeviceCourseOptions& options) : options_(options) {}

  /// What NextAction decides by. The thread keeps the placements and `closing`.
  DeviceSnapshot& snapshot() { return snapshot_; }
  const DeviceSnapshot& snapshot() const { return snapshot_; }

  void OpenBegins() { restarts_.Attempted(); }

  void OpenFailed(Time now) { snapshot_.open_after = now + restarts_.delay(); }

  void Opened(Time now) {
    snapshot_.open_after.reset();
    snapshot_.probe_at = After(options_.probe_interval, now);
    snapshot_.canary_at = After(options_.canary_interval, now);
    snapshot_.state = DeviceState::kReady;
  }

  void Lost(const absl::Status& reason, Time now) {
    snapshot_.state = StateAfter(reason);
    snapshot_.open_after = now + restarts_.delay();
  }

  /// It computed something right.
  void Proved() { restarts_.Proved(); }

  /// It was asked whether it is there.
  void Probed(Time now) { snapshot_.probe_at = After(options_.probe_interval, now); }

  void CanariesRan(Time now) { snapshot_.canary_at = After(options_.canary_interval, now); }

  /// What becomes of the device that is lost so. Thread-safe.
  DeviceState StateAfter(const absl::Status& loss) const {
    return LossKindOf(loss) == LossKind::kUnresponsive && !options_.recovers_hangs ? DeviceState::kStuck
                                                                                   : DeviceState::kLost;
  }

 private:
  static std::optional<Time> After(Duration interval, Time now) {
    return interval > Duration(0) ? std::optional(now + interval) : std::nullopt;
  }

  const DeviceCourseOptions options_;
  DeviceSnapshot snapshot_;
  RestartPolicy restarts_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_COURSE_H_
