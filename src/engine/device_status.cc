#include "engine/device_status.h"

#include <algorithm>
#include <chrono>

#include "fmt/core.h"

namespace accelerd {

std::string_view DeviceStateName(DeviceState state) {
  switch (state) {
    case DeviceState::kOpening:
      return "OPENING";
    case DeviceState::kReady:
      return "READY";
    case DeviceState::kLost:
      return "LOST";
    case DeviceState::kStuck:
      return "STUCK";
  }
  return "";
}

std::string WhyNotReady(const DeviceStatus& device) {
  const std::string why = device.last_error.empty() ? "" : fmt::format(": {}", device.last_error);
  switch (device.state) {
    case DeviceState::kOpening:
      return why.empty() ? "the device is being opened" : fmt::format("the device is not there{}", why);
    case DeviceState::kLost:
      return fmt::format("the device is lost{}", why);
    case DeviceState::kStuck:
      return fmt::format("the device is stuck until accelerd is restarted{}", why);
    case DeviceState::kReady:
      break;
  }
  return "";
}

Duration RetryDelay(const DeviceStatus& device, Time now) {
  constexpr Duration kLeast = std::chrono::seconds(1);
  constexpr Duration kMost = std::chrono::seconds(60);
  return device.state == DeviceState::kReady ? kLeast : std::clamp<Duration>(device.retry_at - now, kLeast, kMost);
}

}  // namespace accelerd
