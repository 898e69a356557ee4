#include "service/ready_model.h"

#include <memory>
#include <string>

#include "engine/device_status.h"
#include "fmt/core.h"

namespace accelerd {

absl::StatusOr<ModelHandle> FindReadyModel(const ModelManager& manager, std::string_view name) {
  const std::shared_ptr<const RoutingSnapshot> routing = manager.routing();
  if (const auto found = routing->find(name); found != routing->end()) {
    return found->second;
  }
  for (const ModelStatus& status : manager.List()) {
    if (status.name != name) {
      continue;
    }
    if (status.state == ModelState::kUnavailable) {
      return absl::UnavailableError(fmt::format("model \"{}\" is unavailable: {}", name, status.reason));
    }
    const std::string why = status.reason.empty() ? "still loading" : fmt::format("not loaded yet: {}", status.reason);
    return WithRetryAfter(absl::UnavailableError(fmt::format("model \"{}\" is {}", name, why)),
                          RetryDelay(manager.device(), Clock::Steady().Now()));
  }
  return absl::NotFoundError(fmt::format("model \"{}\" is not loaded", name.substr(0, 256)));
}

}  // namespace accelerd
