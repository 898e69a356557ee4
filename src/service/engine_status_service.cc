#include "service/engine_status_service.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMostNamed = 10;

/// "2 of 17 models do not serve: a is UNAVAILABLE (its file is broken), b is LOADING"
std::string DescribeModels(const std::vector<ModelStatus>& waiting_for, std::size_t configured) {
  std::string text = fmt::format("{} of {} model{} {} not serve: ", waiting_for.size(), configured,
                                 configured == 1 ? "" : "s", waiting_for.size() == 1 ? "does" : "do");
  for (std::size_t i = 0; i < std::min(waiting_for.size(), kMostNamed); ++i) {
    const ModelStatus& model = waiting_for[i];
    text += fmt::format("{}{} is {}{}", i == 0 ? "" : ", ", model.name, ModelStateName(model.state),
                        model.reason.empty() ? "" : fmt::format(" ({})", model.reason));
  }
  if (waiting_for.size() > kMostNamed) {
    text += fmt::format(", and {} more", waiting_for.size() - kMostNamed);
  }
  return text;
}

}  // namespace

Health EngineStatusService::GetHealth() const {
  DeviceStatus device = manager_.device();
  Health health;
  health.models = manager_.List();
  JudgeReadiness(device, health);
  health.ready = health.reason.empty();
  health.devices.push_back({.name = std::move(device.name),
                            .state = std::string(DeviceStateName(device.state)),
                            .since = device.since,
                            .restarts = device.restarts,
                            .last_error = std::move(device.last_error)});
  return health;
}

/// Sets the reason why the service is not ready, if there is one, and the models that it waits for.
void EngineStatusService::JudgeReadiness(const DeviceStatus& device, Health& health) const {
  if (stopped_) {
    health.reason = "the service is shutting down";
    return;
  }
  if (ready_when_ == ReadyWhen::kModels) {
    std::ranges::copy_if(health.models, std::back_inserter(health.waiting_for), [](const ModelStatus& model) {
      return model.configured && model.state != ModelState::kReady;
    });
  }
  if (device.state != DeviceState::kReady) {
    health.reason = fmt::format("device {} is {}{}{}", device.name, DeviceStateName(device.state),
                                device.last_error.empty() ? "" : ": ", device.last_error);
  } else if (!health.waiting_for.empty()) {
    health.reason = DescribeModels(
        health.waiting_for, static_cast<std::size_t>(std::ranges::count_if(health.models, &ModelStatus::configured)));
  }
}

}  // namespace accelerd
