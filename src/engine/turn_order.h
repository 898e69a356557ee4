#ifndef ACCELERD_ENGINE_TURN_ORDER_H_
#define ACCELERD_ENGINE_TURN_ORDER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/client.h"
#include "engine/fair_queue.h"

namespace accelerd {

inline constexpr std::size_t kPriorityClasses = 3;

/// The order in which jobs of all classes come: of the highest class first, but each lower one is guaranteed 5 % of the
/// time while it has jobs; within a class as FairQueue says. Not thread-safe.
class TurnOrder {
 public:
  /// Where a job waits.
  struct Place {
    PriorityClass priority = PriorityClass::kNormal;
    Payer payer;
    ModelGeneration model{};
    std::uint64_t order = 0;  ///< Unique.
  };

  void Add(const Place& place, JobRecord& job) { QueueOf(place).Add(place.payer, place.model, place.order, job); }
  void Remove(const Place& place);

  /// Returns the job whose turn it is among those of the models that `eligible(model)` accepts, or null;
  /// `cost(job)` estimates seconds.
  template <typename Eligible, typename Cost>
  JobRecord* Next(Eligible eligible, Cost cost) const {
    std::array<std::optional<FairQueue::Turn>, kPriorityClasses> turns;
    for (std::size_t i = 0; i < kPriorityClasses; ++i) {
      if (classes_[i].queue.size() > 0) {
        turns[i] = classes_[i].queue.NextOf(eligible);
      }
    }
    for (std::size_t i = 1; i < kPriorityClasses; ++i) {
      if (turns[i] && classes_[i].owed > 0 && classes_[i].owed >= std::min(cost(*turns[i]->job), kMostOwed)) {
        return turns[i]->job;
      }
    }
    for (const std::optional<FairQueue::Turn>& turn : turns) {
      if (turn) {
        return turn->job;
      }
    }
    return nullptr;
  }

  /// The job at `place` begins and is charged `cost` seconds; it has to be removed apart from this.
  void Begin(const Place& place, double cost);

  /// The cost turned out to be `difference` seconds higher.
  void Correct(const Place& place, double difference) { QueueOf(place).Correct(place.payer, place.model, difference); }

  /// While the group is held it has no turn with this class and model.
  void Hold(const Place& place, bool held) { QueueOf(place).Hold(place.payer, place.model, held); }

  /// See FairQueue::SetAside.
  void SetAside(GroupIndex group, bool aside);

  /// The job of the group that was ordered last, of its lowest class; null when it has none.
  JobRecord* LastOf(GroupIndex group) const;

  /// See FairQueue::Settled.
  bool Settled(GroupIndex group) const;

  /// REQUIRES: no jobs of theirs.
  void ForgetMember(const Payer& payer);
  void ForgetGroup(GroupIndex group);

 private:
  /// Seconds of its share that a class can be owed, however long its models could not run.
  static constexpr double kMostOwed = 1;

  struct Class {
    FairQueue queue;
    double owed = 0;  ///< Seconds of its guaranteed share that it waits for.
  };

  FairQueue& QueueOf(const Place& place) { return classes_[static_cast<std::size_t>(place.priority)].queue; }

  std::array<Class, kPriorityClasses> classes_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_TURN_ORDER_H_
