#ifndef ACCELERD_ENGINE_DEVICE_STATUS_H_
#define ACCELERD_ENGINE_DEVICE_STATUS_H_

#include <chrono>
#include <string>
#include <string_view>

#include "engine/scheduler_core.h"

namespace accelerd {

/// "OPENING", "READY", "LOST", "STUCK".
std::string_view DeviceStateName(DeviceState state);

/// How a device is, for people and monitors.
struct DeviceStatus {
  std::string name;
  DeviceState state = DeviceState::kOpening;
  std::chrono::system_clock::time_point since;  ///< Of the state.
  int restarts = 0;                             ///< How often it was opened again after it was lost.
  std::string last_error;                       ///< Why it was not READY last; empty: it always was.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_STATUS_H_
