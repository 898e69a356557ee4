#ifndef ACCELERD_ENGINE_PREPARATION_ORDER_H_
#define ACCELERD_ENGINE_PREPARATION_ORDER_H_

#include <cstddef>
#include <map>
#include <tuple>
#include <vector>

#include "engine/turn_order.h"

namespace accelerd {

/// The order in which inputs are prepared. It shares the time of the threads that prepare as fairly as the device is
/// shared. It also runs only so far ahead of the device that the device does not wait: a group has a window of jobs,
/// for each class and model, that are prepared or in preparation. While the window is full, the group's other jobs of
/// that class and model wait, so that nobody's backlog delays another's first job. Not thread-safe.
class PreparationOrder {
 public:
  using Place = TurnOrder::Place;

  void Add(const Place& place, JobRecord& job);
  void Remove(const Place& place);

  /// Returns the next job of the models that `eligible(model)` accepts, or null; `cost(job)` estimates seconds.
  template <typename Eligible, typename Cost>
  JobRecord* Next(Eligible eligible, Cost cost) const {
    return order_.Next(eligible, cost);
  }

  /// The same among the groups of which nothing is in preparation.
  template <typename Eligible, typename Cost>
  JobRecord* NextOfIdleGroups(Eligible eligible, Cost cost) {
    for (const GroupIndex group : preparing_) {
      order_.SetAside(group, true);
    }
    JobRecord* const next = order_.Next(eligible, cost);
    for (const GroupIndex group : preparing_) {
      order_.SetAside(group, false);
    }
    return next;
  }

  /// Whether jobs wait of groups of which nothing is in preparation.
  bool idle_groups_wait() const { return waiting_of_idle_ > 0; }

  /// The job's preparation begins and is charged `cost` seconds. The job has to be removed apart from this. It counts
  /// in a window of `window` jobs until Release.
  void Begin(const Place& place, double cost, int window);

  /// The preparation ended, and it took `difference` seconds more than it was charged for.
  void End(const Place& place, double difference);

  /// The job does not count as prepared ahead any more.
  void Release(const Place& place, int window);

  TurnOrder& order() { return order_; }
  const TurnOrder& order() const { return order_; }

 private:
  using Key = std::tuple<PriorityClass, GroupIndex, ModelGeneration>;
  struct Group {
    std::size_t waiting = 0;
    int preparing = 0;
  };

  static Key KeyOf(const Place& place) { return {place.priority, place.payer.group, place.model}; }
  Group& GroupOf(const Place& place);

  TurnOrder order_;
  std::map<Key, int> ahead_;
  std::vector<Group> groups_;          ///< By their indices.
  std::vector<GroupIndex> preparing_;  ///< Those with something in preparation.
  std::size_t waiting_of_idle_ = 0;    ///< Jobs that wait, of all other groups.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_PREPARATION_ORDER_H_
