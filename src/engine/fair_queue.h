#ifndef ACCELERD_ENGINE_FAIR_QUEUE_H_
#define ACCELERD_ENGINE_FAIR_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "engine/job_queue.h"
#include "engine/scheduler_core.h"
#include "engine/tag_tree.h"

namespace accelerd {

struct JobRecord;

/// Places of groups and their members in tables; small numbers that are used again.
using GroupIndex = std::uint32_t;
using MemberIndex = std::uint32_t;

/// Whom a job is charged to.
struct Payer {
  GroupIndex group = 0;
  MemberIndex member = 0;  ///< Unique over all groups.
  double weight = 1;       ///< Of the group.
};

/// Hierarchical start-time fair queuing: groups share by weight, the members of a group equally, and so do the models
/// of a member. Within one model of a member it is first come, first served.
///
/// P. Goyal, H. M. Vin, H. Cheng, "Start-time Fair Queueing", SIGCOMM 1996, with hierarchy (section 3) and, as several
/// runs go on at once, its variant SFQ(D) of W. Jin, J. Chase, J. Kaur, "Interposed Proportional Sharing for a Storage
/// Service Utility", SIGMETRICS 2004. Each node has a start tag: the virtual time of its parent when it became active,
/// at least where its own service ended. The least tag is next. A node's virtual time is the tag of the child that was
/// last begun. A node that was idle keeps its tag, so it gains nothing by pausing. Who waited while its models could
/// not run may be behind by two of the longest runs, and catches up with that alone.
///
/// Costs O(models of the client * log clients) a call, in flat arrays; a job that leaves from amid those of its member
/// and model moves the others. Not thread-safe.
class FairQueue {
 public:
  /// Whose turn it is.
  struct Turn {
    ModelGeneration model{};
    JobRecord* job = nullptr;
  };

  /// Puts a job into its queue at `order`, which is unique. Jobs of one payer and model go by `order`.
  void Add(const Payer& payer, ModelGeneration model, std::uint64_t order, JobRecord& job);

  /// REQUIRES: it was added.
  void Remove(const Payer& payer, ModelGeneration model, std::uint64_t order);

  /// The next job of the models that `eligible(model)` accepts; unset when there is none.
  template <typename Eligible>
  std::optional<Turn> NextOf(Eligible eligible) const {
    const ModelRanking* first = nullptr;
    for (const ModelRanking& ranking : rankings_) {
      if (!ranking.best.empty() && (first == nullptr || ranking.best.least() < first->best.least()) &&
          eligible(ranking.model)) {
        first = &ranking;
      }
    }
    return first == nullptr ? std::nullopt : std::optional(NextIn(groups_[first->best.first()], eligible));
  }

  /// A job of the payer begins: time moves on to its tags, and it is charged `cost` seconds. The job has to be removed
  /// apart from this.
  void Begin(const Payer& payer, ModelGeneration model, double cost);

  /// The cost turned out to be `difference` seconds higher.
  void Correct(const Payer& payer, ModelGeneration model, double difference);

  /// While a group is held it has no turn with `model`.
  void Hold(const Payer& payer, ModelGeneration model, bool held);

  /// While a group is set aside it has no turn at all. REQUIRES: nothing else is called meanwhile but NextOf.
  void SetAside(GroupIndex group, bool aside);

  /// The job of the group that was ordered last; null when it has none.
  JobRecord* LastOf(GroupIndex group) const;

  /// Whether to forget the group, which has no jobs, takes no debt from it that others could claim now.
  bool Settled(GroupIndex group) const;

  /// Starts anew. REQUIRES: no jobs.
  void ForgetMember(const Payer& payer);
  void ForgetGroup(GroupIndex group);

  std::size_t size() const { return size_; }

 private:
  static constexpr MemberIndex kNobody = std::numeric_limits<MemberIndex>::max();

  /// Those with jobs of one model, by tag: groups by their index, the members of a group by their seat.
  struct ModelRanking {
    ModelGeneration model{};
    bool held = false;  ///< Of a group: it is in no ranking above.
    TagTree best;
  };
  using Rankings = std::vector<ModelRanking>;  // Models are few.

  struct Flow {
    ModelGeneration model{};
    double tag = 0;
    JobQueue jobs;
  };
  struct Member {
    double tag = 0;
    double virtual_time = 0;  ///< Of its flows.
    std::size_t jobs = 0;
    std::optional<std::uint32_t> seat;  ///< Its place in its group.
    std::vector<Flow> flows;
  };
  struct Group {
    double tag = 0;
    double virtual_time = 0;  ///< Of its members.
    std::size_t jobs = 0;
    absl::InlinedVector<MemberIndex, 1> seats = absl::InlinedVector<MemberIndex, 1>(1, kNobody);
    Rankings rankings;
  };

  /// Whether the first of one goes before the first of the other; none is empty.
  static bool Before(const TagTree& one, const TagTree& other) {
    return one.least() != other.least() ? one.least() < other.least() : one.first() < other.first();
  }

  template <typename MaybeConstMember>
  static auto* FindFlow(MaybeConstMember& member, ModelGeneration model) {
    const auto found = std::ranges::find(member.flows, model, &Flow::model);
    return found == member.flows.end() ? nullptr : &*found;
  }

  /// The next job of a group. REQUIRES: it is in a ranking of an eligible model.
  template <typename Eligible>
  Turn NextIn(const Group& group, Eligible eligible) const {
    const ModelRanking* first = nullptr;
    const Flow* flow = nullptr;
    for (const ModelRanking& ranking : group.rankings) {
      if (ranking.held || ranking.best.empty() || !eligible(ranking.model) ||
          (first != nullptr && Before(first->best, ranking.best))) {
        continue;
      }
      const Flow& next = *FindFlow(members_[group.seats[ranking.best.first()]], ranking.model);
      if (first == nullptr || Before(ranking.best, first->best) ||
          std::tie(next.tag, next.model) < std::tie(flow->tag, flow->model)) {
        first = &ranking;
        flow = &next;
      }
    }
    return flow == nullptr ? Turn() : Turn{flow->model, flow->jobs.first()};
  }

  static ModelRanking& RankingOf(Rankings& rankings, ModelGeneration model);
  static Flow& FlowOf(Member& member, ModelGeneration model);
  Group& GroupAt(GroupIndex group);
  Member& MemberAt(MemberIndex member);
  static void TakeSeat(Group& group, const Payer& payer, Member& member);

  void Enlist(const Payer& payer, ModelGeneration model);
  void Delist(const Payer& payer, ModelGeneration model);
  void Charge(const Payer& payer, ModelGeneration model, double cost);
  void CatchUp(Group& group, const Payer& payer);
  void MoveMember(Group& group, const Payer& payer, double tag);
  void MoveGroup(GroupIndex index, double tag);

  std::vector<Group> groups_;
  std::vector<Member> members_;
  Rankings rankings_;
  double virtual_time_ = 0;
  double longest_ = 0;  ///< Cost so far.
  std::size_t size_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_FAIR_QUEUE_H_
