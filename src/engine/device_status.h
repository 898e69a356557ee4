#ifndef ACCELERD_ENGINE_DEVICE_STATUS_H_
#define ACCELERD_ENGINE_DEVICE_STATUS_H_

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// "OPENING", "READY", "LOST", "STUCK".
std::string_view DeviceStateName(DeviceState state);

/// How a device is, for people and monitors.
struct DeviceStatus {
  std::string name;
  DeviceState state = DeviceState::kOpening;
  std::chrono::system_clock::time_point since;  ///< When the device entered the state.
  int restarts = 0;  ///< How often it was lost and had to be opened again, the restart that is under way included.
  std::string last_error;  ///< Why it was not READY last. Empty: it always was.
  Time retry_at{};         ///< When it may be back; for a device that is not READY.
};

/// Says why calls cannot be served, such as "the device is lost: …". REQUIRES: the device is not READY.
std::string WhyNotReady(const DeviceStatus& device);

/// Returns how long a caller that needs the device should wait before it tries again: from 1 to 60 seconds.
Duration RetryDelay(const DeviceStatus& device, Time now);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_STATUS_H_
