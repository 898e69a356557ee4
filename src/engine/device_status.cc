#include "engine/device_status.h"

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

}  // namespace accelerd
