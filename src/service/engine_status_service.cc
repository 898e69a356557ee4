#include "service/engine_status_service.h"

#include <string>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

std::string NotReady(bool stopped, const DeviceStatus& device, bool settled) {
  if (stopped) {
    return "the service is shutting down";
  }
  if (device.state != DeviceState::kReady) {
    return fmt::format("device {} is {}{}{}", device.name, DeviceStateName(device.state),
                       device.last_error.empty() ? "" : ": ", device.last_error);
  }
  return settled ? "" : "models are being loaded";
}

}  // namespace

Health EngineStatusService::GetHealth() const {
  DeviceStatus device = manager_.device();
  Health health;
  health.reason = NotReady(stopped_, device, manager_.Settled());
  health.ready = health.reason.empty();
  health.devices.push_back({.name = std::move(device.name),
                            .state = std::string(DeviceStateName(device.state)),
                            .since = device.since,
                            .restarts = device.restarts,
                            .last_error = std::move(device.last_error)});
  health.models = manager_.List();
  return health;
}

}  // namespace accelerd
