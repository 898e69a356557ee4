#ifndef ACCELERD_ENGINE_DEVICE_OUTAGE_H_
#define ACCELERD_ENGINE_DEVICE_OUTAGE_H_

#include <algorithm>
#include <chrono>
#include <optional>

#include "engine/admission.h"

namespace accelerd {

inline absl::Status DeviceIsStuck() {
  return absl::UnavailableError(
      "the device hangs, and as it is driven inside the service, only a restart of the service can free it");
}

/// Since when a device is away, and whether to wait for it.
class DeviceOutage {
 public:
  /// A device is not READY. `was_ready`: it was until now.
  void Report(bool was_ready, Time retry_at, Time now) {
    if (was_ready) {
      lost_at_ = now;
    }
    retry_at_ = retry_at;
  }

  /// Whether a job may wait for a model that is nowhere on a READY device. `wait`: how long after the loss.
  std::optional<Turnaway> Judge(bool all_stuck, Duration wait, Time now) const {
    if (all_stuck) {
      return Turnaway{RefusalReason::kDeviceLost, DeviceIsStuck()};
    }
    if (lost_at_ && now - *lost_at_ >= wait) {
      const Duration delay = std::clamp<Duration>(retry_at_ - now, std::chrono::seconds(1), std::chrono::seconds(60));
      return Turnaway{
          RefusalReason::kDeviceLost,
          WithRetryAfter(absl::UnavailableError("the device was lost and is being brought back; try again later"),
                         delay)};
    }
    return std::nullopt;
  }

 private:
  std::optional<Time> lost_at_;  ///< The last time that a READY device was lost.
  Time retry_at_{};              ///< When that one may be back.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_OUTAGE_H_
