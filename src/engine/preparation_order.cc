#include "engine/preparation_order.h"

#include <algorithm>

namespace accelerd {

PreparationOrder::Group& PreparationOrder::GroupOf(const Place& place) {
  if (place.payer.group >= groups_.size()) {
    groups_.resize(place.payer.group + 1);
  }
  return groups_[place.payer.group];
}

void PreparationOrder::Add(const Place& place, JobRecord& job) {
  order_.Add(place, job);
  Group& group = GroupOf(place);
  group.waiting++;
  waiting_of_idle_ += group.preparing == 0 ? 1 : 0;
}

void PreparationOrder::Remove(const Place& place) {
  order_.Remove(place);
  Group& group = GroupOf(place);
  group.waiting--;
  waiting_of_idle_ -= group.preparing == 0 ? 1 : 0;
}

void PreparationOrder::Begin(const Place& place, double cost, int window) {
  order_.Begin(place, cost);
  int& ahead = ahead_[KeyOf(place)];
  ahead++;
  order_.Hold(place, ahead >= window);
  Group& group = GroupOf(place);
  if (group.preparing++ == 0) {
    preparing_.push_back(place.payer.group);
    waiting_of_idle_ -= group.waiting;
  }
}

void PreparationOrder::End(const Place& place, double difference) {
  order_.Correct(place, difference);
  Group& group = GroupOf(place);
  if (--group.preparing == 0) {
    std::erase(preparing_, place.payer.group);
    waiting_of_idle_ += group.waiting;
  }
}

void PreparationOrder::Release(const Place& place, int window) {
  const auto entry = ahead_.find(KeyOf(place));
  const int ahead = --entry->second;
  order_.Hold(place, ahead >= window);
  if (ahead == 0) {
    ahead_.erase(entry);
  }
}

}  // namespace accelerd
