#ifndef ACCELERD_ENGINE_PREPARATION_ORDER_H_
#define ACCELERD_ENGINE_PREPARATION_ORDER_H_

#include <map>
#include <tuple>

#include "engine/turn_order.h"

namespace accelerd {

/// The order in which inputs are prepared: as fair as that of the device, and only so far ahead of it that the device
/// does not wait. A group has a window of jobs, for each class and model, that are prepared or in preparation; while
/// it is full its others wait, so that nobody's pile delays another's first job. Not thread-safe.
class PreparationOrder {
 public:
  using Place = TurnOrder::Place;

  void Add(const Place& place, JobRecord& job) { order_.Add(place, job); }
  void Remove(const Place& place) { order_.Remove(place); }

  template <typename Cost>
  JobRecord* Next(Cost cost) const {
    return order_.Next([](ModelGeneration /*model*/) { return true; }, cost);
  }

  /// The job's preparation begins; it counts in a window of `window` jobs until Release.
  void Begin(const Place& place, double cost, int window) {
    order_.Begin(place, cost);
    int& ahead = ahead_[KeyOf(place)];
    ahead++;
    order_.Hold(place, ahead >= window);
  }

  void Release(const Place& place, int window) {
    const auto entry = ahead_.find(KeyOf(place));
    const int ahead = --entry->second;
    order_.Hold(place, ahead >= window);
    if (ahead == 0) {
      ahead_.erase(entry);
    }
  }

  TurnOrder& order() { return order_; }
  const TurnOrder& order() const { return order_; }

 private:
  using Key = std::tuple<PriorityClass, GroupIndex, ModelGeneration>;

  static Key KeyOf(const Place& place) { return {place.priority, place.payer.group, place.model}; }

  TurnOrder order_;
  std::map<Key, int> ahead_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_PREPARATION_ORDER_H_
