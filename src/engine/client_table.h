#ifndef ACCELERD_ENGINE_CLIENT_TABLE_H_
#define ACCELERD_ENGINE_CLIENT_TABLE_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/account.h"
#include "engine/moving_mean.h"
#include "engine/turn_order.h"

namespace accelerd {

/// Estimated time of one resource that waits to be used, by class.
using WaitingTime = std::array<Duration, kPriorityClasses>;

/// What a client, or all, has waiting of each resource.
struct Backlog {
  std::array<WaitingTime, kResources> by_resource{};

  WaitingTime& of(Resource resource) { return by_resource[static_cast<std::size_t>(resource)]; }
  const WaitingTime& of(Resource resource) const { return by_resource[static_cast<std::size_t>(resource)]; }
};

/// The clients of the core: who they are, what they have waiting, and what they got. The table is bounded: when there
/// are too many clients, the one that is idle for longest is forgotten. If none is idle, newcomers share one entry.
/// Not thread-safe.
class ClientTable {
 public:
  struct Member {
    Client client;
    Payer payer;
    bool known = false;
    std::size_t jobs = 0;  ///< Not DONE, or abandoned and not over.
    std::uint64_t last_seen = 0;
    Backlog waiting;
    Account account;
  };
  struct Group {
    std::string key;  ///< As Client has it.
    double weight = 1;
    std::size_t members = 0;  ///< Known ones; 0: the place is free.
    std::size_t jobs = 0;
    std::size_t bytes = 0;  ///< Inputs of its jobs.
    Backlog waiting;
    MovingMean preparation;  ///< What preparations of its jobs took.
  };

  explicit ClientTable(std::size_t max_members);

  /// The client's entry, made if need be. `settled(payer)`: whether the last one of an idle group may be forgotten;
  /// `forget(payer, group_too)` is called before one is.
  template <typename Settled, typename Forget>
  Payer Find(const Client& client, Settled settled, Forget forget) {
    if (const Member* const known = FindKnown(client)) {
      return known->payer;
    }
    if (known_ >= max_members_) {
      const MemberIndex idle = LongestIdle(settled);
      if (idle == kOthers) {
        return members_[kOthers].payer;
      }
      forget(members_[idle].payer, groups_[members_[idle].payer.group].members == 1);
      Drop(idle);
    }
    return Insert(client);
  }

  /// The client's entry, unset when there is none.
  std::optional<Payer> Known(const Client& client) {
    const Member* const known = FindKnown(client);
    return known == nullptr ? std::nullopt : std::optional(known->payer);
  }

  Member& member(const Payer& payer) { return members_[payer.member]; }
  Group& group(const Payer& payer) { return groups_[payer.group]; }
  const std::vector<Group>& groups() const { return groups_; }
  const std::vector<Member>& members() const { return members_; }

  /// A job of the payer came, or is over.
  void CountJob(const Payer& payer, std::size_t bytes);
  void DiscountJob(const Payer& payer, std::size_t bytes);

  /// Returns the moving mean of what preparations for the payer's group took, or 0 before the first one ended: what
  /// others send says nothing about it.
  Duration PreparationOf(const Payer& payer) const {
    return groups_[payer.group].preparation.value().value_or(Duration(0));
  }

  /// The same, but never 0: the mean of all before the first one ended.
  Duration GuessPreparation(const Payer& payer) const {
    const Duration guess =
        groups_[payer.group].preparation.value().value_or(preparation_.value().value_or(Duration(0)));
    return std::max<Duration>(guess, std::chrono::microseconds(100));
  }

  /// A preparation for the payer took `cost`.
  void AddPreparation(const Payer& payer, Duration cost) {
    groups_[payer.group].preparation.Add(cost);
    preparation_.Add(cost);
  }

  /// A job of the payer waits for the resource. A negative `time` takes back what was added.
  void AddWaiting(const Payer& payer, PriorityClass priority, Resource resource, Duration time);

  const Backlog& waiting() const { return waiting_; }
  /// Weights of the groups that have jobs.
  double active_weight() const { return active_weight_; }

  std::size_t active_groups() const { return active_groups_; }

  /// The group with most jobs for its weight.
  GroupIndex Greediest() const;

  /// Reports all entries, and those that were forgotten under empty names.
  std::vector<ClientStats> Report(Time now) const;

 private:
  static constexpr MemberIndex kOthers = 0;

  const Member* FindKnown(const Client& client);
  template <typename Settled>
  MemberIndex LongestIdle(Settled settled) const {
    MemberIndex longest = kOthers;
    for (MemberIndex i = kOthers + 1; i < members_.size(); ++i) {
      const Member& member = members_[i];
      if (member.known && member.jobs == 0 && (longest == kOthers || member.last_seen < members_[longest].last_seen) &&
          // What a member owes, it owes to its group.
          (groups_[member.payer.group].members > 1 || settled(member.payer))) {
        longest = i;
      }
    }
    return longest;
  }
  Payer Insert(const Client& client);
  void Drop(MemberIndex member);
  const std::string& KeyOf(const Client& client);

  const std::size_t max_members_;
  std::size_t known_ = 0;
  std::uint64_t now_ = 0;  ///< Counts submissions.
  std::vector<Member> members_;
  std::vector<Group> groups_;
  std::vector<MemberIndex> free_members_;
  std::vector<GroupIndex> free_groups_;
  absl::flat_hash_map<std::string, MemberIndex> by_key_;
  std::string key_;  ///< Of KeyOf: it needs no allocation most often.
  std::unordered_map<std::string, GroupIndex> group_by_key_;
  Backlog waiting_;
  MovingMean preparation_;
  double active_weight_ = 0;
  std::size_t active_groups_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_CLIENT_TABLE_H_
