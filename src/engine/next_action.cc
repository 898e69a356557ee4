#include "engine/next_action.h"

namespace accelerd {
namespace {

bool HasLeft(const DeviceSnapshot::Placement& placement, bool wanted) {
  return placement.state == PlacementState::kReleased || (placement.state == PlacementState::kUnavailable && !wanted);
}

bool HasToLeave(const DeviceSnapshot::Placement& placement, const DeviceSnapshot& snapshot) {
  return placement.state == PlacementState::kReady &&
         (snapshot.closing || snapshot.state != DeviceState::kReady || !placement.referenced);
}

std::optional<Step> NextRemoval(const WantedSet& wanted, const DeviceSnapshot& snapshot) {
  for (const auto& [generation, placement] : snapshot.placements) {
    if (HasLeft(placement, !snapshot.closing && wanted.Find(generation) != nullptr)) {
      return DestroyStep{generation};
    }
    if (HasToLeave(placement, snapshot)) {
      return WithdrawStep{generation};
    }
  }
  return std::nullopt;
}

Step NextOpening(const DeviceSnapshot& snapshot, Time now) {
  for (const auto& [generation, placement] : snapshot.placements) {
    if (placement.state != PlacementState::kUnavailable) {
      return WaitStep{};
    }
  }
  if (snapshot.open_after && now < *snapshot.open_after) {
    return WaitStep{snapshot.open_after};
  }
  return OpenStep{};
}

}  // namespace

Step NextAction(const WantedSet& wanted, const DeviceSnapshot& snapshot, DeviceId /*device*/, Time now) {
  if (const auto removal = NextRemoval(wanted, snapshot)) {
    return *removal;
  }
  if (snapshot.closing) {
    return WaitStep{};
  }
  if (snapshot.state != DeviceState::kReady) {
    return NextOpening(snapshot, now);
  }
  const WantedModel* first = nullptr;
  for (const auto& [name, model] : wanted.models()) {
    if (!snapshot.placements.contains(model.generation) && (first == nullptr || model.generation < first->generation)) {
      first = &model;
    }
  }
  if (first == nullptr) {
    return WaitStep{};
  }
  return CompileStep{first->name, first->generation, first->files};
}

}  // namespace accelerd
