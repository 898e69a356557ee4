#include "engine/next_action.h"

#include <algorithm>
#include <tuple>

namespace accelerd {
namespace {

bool HasToLeave(const DeviceSnapshot::Placement& placement, const DeviceSnapshot& snapshot) {
  return placement.state == PlacementState::kReady &&
         (snapshot.closing || snapshot.state != DeviceState::kReady || !placement.referenced);
}

std::optional<Step> NextRemoval(const DeviceSnapshot& snapshot) {
  for (const auto& [generation, placement] : snapshot.placements) {
    if (placement.state == PlacementState::kReleased) {
      return DestroyStep{generation};
    }
    if (HasToLeave(placement, snapshot)) {
      return WithdrawStep{generation};
    }
  }
  return std::nullopt;
}

Step NextOpening(const DeviceSnapshot& snapshot, Time now) {
  if (!snapshot.placements.empty()) {
    return WaitStep{};
  }
  if (snapshot.open_after && now < *snapshot.open_after) {
    return WaitStep{snapshot.open_after};
  }
  return OpenStep{};
}

const WantedModel* NextToCompile(const WantedSet& wanted, const DeviceSnapshot& snapshot) {
  const auto rank = [](const WantedModel& model) {
    return std::tuple(model.lost_loads > 0, Time::max() - model.last_used, model.generation);
  };
  const WantedModel* first = nullptr;
  const auto consider = [&](const WantedModel& model) {
    if (!model.held && !snapshot.placements.contains(model.generation) &&
        (first == nullptr || rank(model) < rank(*first))) {
      first = &model;
    }
  };
  for (const auto& [name, model] : wanted.models()) {
    consider(model);
  }
  if (first != nullptr && first->lost_loads == 0) {
    return first;
  }
  for (const auto& [name, model] : wanted.replacements()) {
    consider(model);
  }
  return first;
}

Step NextCheck(const DeviceSnapshot& snapshot, Time now) {
  if (snapshot.probe_at && *snapshot.probe_at <= now) {
    return ProbeStep{};
  }
  if (snapshot.canary_at && *snapshot.canary_at <= now) {
    return CanaryStep{};
  }
  if (snapshot.probe_at && snapshot.canary_at) {
    return WaitStep{std::min(*snapshot.probe_at, *snapshot.canary_at)};
  }
  return WaitStep{snapshot.probe_at ? snapshot.probe_at : snapshot.canary_at};
}

}  // namespace

Step NextAction(const WantedSet& wanted, const DeviceSnapshot& snapshot, DeviceId /*device*/, Time now) {
  if (snapshot.state == DeviceState::kStuck && !snapshot.closing) {
    return WaitStep{};
  }
  if (const auto removal = NextRemoval(snapshot)) {
    return *removal;
  }
  if (snapshot.closing) {
    return WaitStep{};
  }
  if (snapshot.state != DeviceState::kReady) {
    return NextOpening(snapshot, now);
  }
  if (const WantedModel* const model = NextToCompile(wanted, snapshot)) {
    return CompileStep{model->name, model->generation, model->files, model->lost_loads > 0};
  }
  return NextCheck(snapshot, now);
}

}  // namespace accelerd
