#include "engine/turn_order.h"

#include <algorithm>

namespace accelerd {
namespace {

constexpr double kGuaranteedShare = 0.05;

}  // namespace

void TurnOrder::Remove(const Place& place) {
  Class& own = classes_[static_cast<std::size_t>(place.priority)];
  own.queue.Remove(place.payer, place.model, place.order);
  if (own.queue.size() == 0) {
    own.owed = 0;
  }
}

void TurnOrder::Begin(const Place& place, double cost) {
  for (std::size_t i = 0; i < kPriorityClasses; ++i) {
    Class& one = classes_[i];
    if (i == static_cast<std::size_t>(place.priority)) {
      one.owed = std::max(0.0, one.owed - (1 - kGuaranteedShare) * cost);
    } else if (one.queue.size() > 0) {
      one.owed = std::min(one.owed + kGuaranteedShare * cost, kMostOwed);
    }
  }
  QueueOf(place).Begin(place.payer, place.model, cost);
}

void TurnOrder::SetAside(GroupIndex group, bool aside) {
  for (Class& one : classes_) {
    one.queue.SetAside(group, aside);
  }
}

JobRecord* TurnOrder::LastOf(GroupIndex group) const {
  for (std::size_t i = kPriorityClasses; i-- > 0;) {
    if (JobRecord* const last = classes_[i].queue.LastOf(group)) {
      return last;
    }
  }
  return nullptr;
}

bool TurnOrder::Settled(GroupIndex group) const {
  return std::ranges::all_of(classes_, [group](const Class& one) { return one.queue.Settled(group); });
}

void TurnOrder::ForgetMember(const Payer& payer) {
  for (Class& one : classes_) {
    one.queue.ForgetMember(payer);
  }
}

void TurnOrder::ForgetGroup(GroupIndex group) {
  for (Class& one : classes_) {
    one.queue.ForgetGroup(group);
  }
}

}  // namespace accelerd
