#include "engine/fair_queue.h"

#include <algorithm>

namespace accelerd {
namespace {

// Who waits for a model that cannot run keeps its tag, but no claim to more than this when it can.
constexpr double kRunsBehind = 2;

}  // namespace

void FairQueue::Add(const Payer& payer, ModelGeneration model, std::uint64_t order, JobRecord& job) {
  Group& group = GroupAt(payer.group);
  Member& member = MemberAt(payer.member);
  // Who was idle starts at the present, or where its own service ended. None of them is in a ranking then.
  if (group.jobs++ == 0) {
    group.tag = std::max(group.tag, virtual_time_);
  }
  if (member.jobs++ == 0) {
    member.tag = std::max(member.tag, group.virtual_time);
    TakeSeat(group, payer, member);
  }
  size_++;
  Flow& flow = FlowOf(member, model);
  flow.jobs.Add(order, job);
  if (flow.jobs.size() == 1) {
    flow.tag = std::max(flow.tag, member.virtual_time);
    Enlist(payer, model);
  }
}

void FairQueue::Remove(const Payer& payer, ModelGeneration model, std::uint64_t order) {
  Member& member = members_[payer.member];
  Flow& flow = *FindFlow(member, model);
  flow.jobs.Remove(order);
  if (flow.jobs.empty()) {
    Delist(payer, model);
  }
  member.jobs--;
  groups_[payer.group].jobs--;
  size_--;
}

void FairQueue::Begin(const Payer& payer, ModelGeneration model, double cost) {
  Group& group = GroupAt(payer.group);
  Member& member = MemberAt(payer.member);
  longest_ = std::max(longest_, cost);
  CatchUp(group, payer);
  virtual_time_ = std::max(virtual_time_, group.tag);
  group.virtual_time = std::max(group.virtual_time, member.tag);
  member.virtual_time = std::max(member.virtual_time, FlowOf(member, model).tag);
  Charge(payer, model, cost);
}

void FairQueue::CatchUp(Group& group, const Payer& payer) {
  const double behind = virtual_time_ - group.tag - kRunsBehind * longest_ / std::min(payer.weight, 1.0);
  if (behind > 0) {
    MoveGroup(payer.group, group.tag + behind);
  }
}

void FairQueue::Correct(const Payer& payer, ModelGeneration model, double difference) {
  Charge(payer, model, difference);
}

void FairQueue::Charge(const Payer& payer, ModelGeneration model, double cost) {
  Group& group = GroupAt(payer.group);
  Member& member = MemberAt(payer.member);
  if (Flow* const flow = FindFlow(member, model)) {
    flow->tag += cost;
  }
  MoveMember(group, payer, member.tag + cost);
  MoveGroup(payer.group, group.tag + cost / payer.weight);
}

void FairQueue::MoveMember(Group& group, const Payer& payer, double tag) {
  Member& member = members_[payer.member];
  member.tag = tag;
  for (const Flow& flow : member.flows) {
    if (!flow.jobs.empty()) {
      RankingOf(group.rankings, flow.model).best.Set(*member.seat, tag);
    }
  }
}

void FairQueue::MoveGroup(GroupIndex index, double tag) {
  Group& group = groups_[index];
  group.tag = tag;
  for (const ModelRanking& within : group.rankings) {
    if (!within.best.empty() && !within.held) {
      RankingOf(rankings_, within.model).best.Set(index, tag);
    }
  }
}

void FairQueue::Hold(const Payer& payer, ModelGeneration model, bool held) {
  Group& group = GroupAt(payer.group);
  ModelRanking& within = RankingOf(group.rankings, model);
  if (within.held == held) {
    return;
  }
  within.held = held;
  if (within.best.empty()) {
    return;
  }
  auto& best = RankingOf(rankings_, model).best;
  if (held) {
    best.Erase(payer.group);
  } else {
    best.Set(payer.group, group.tag);
  }
}

void FairQueue::SetAside(GroupIndex index, bool aside) {
  if (index >= groups_.size()) {
    return;
  }
  const Group& group = groups_[index];
  for (const ModelRanking& within : group.rankings) {
    if (within.best.empty() || within.held) {
      continue;
    }
    auto& best = RankingOf(rankings_, within.model).best;
    if (aside) {
      best.Erase(index);
    } else {
      best.Set(index, group.tag);
    }
  }
}

JobRecord* FairQueue::LastOf(GroupIndex group) const {
  std::pair<std::uint64_t, JobRecord*> last{0, nullptr};
  if (group < groups_.size()) {
    for (const MemberIndex member : groups_[group].seats) {
      if (member == kNobody) {
        continue;
      }
      for (const Flow& flow : members_[member].flows) {
        if (!flow.jobs.empty()) {
          last = std::max(last, flow.jobs.last());
        }
      }
    }
  }
  return last.second;
}

bool FairQueue::Settled(GroupIndex group) const {
  return group >= groups_.size() || size_ == 0 || groups_[group].tag <= virtual_time_;
}

void FairQueue::ForgetMember(const Payer& payer) {
  if (payer.member < members_.size()) {
    Member& member = members_[payer.member];
    if (member.seat) {
      groups_[payer.group].seats[*member.seat] = kNobody;
    }
    member = Member();
  }
}

void FairQueue::ForgetGroup(GroupIndex group) {
  if (group < groups_.size()) {
    groups_[group] = Group();
  }
}

void FairQueue::TakeSeat(Group& group, const Payer& payer, Member& member) {
  if (member.seat) {
    return;
  }
  const auto free = std::ranges::find(group.seats, kNobody);
  member.seat = static_cast<std::uint32_t>(free - group.seats.begin());
  if (free == group.seats.end()) {
    group.seats.push_back(payer.member);
  } else {
    *free = payer.member;
  }
}

void FairQueue::Enlist(const Payer& payer, ModelGeneration model) {
  Group& group = groups_[payer.group];
  const Member& member = members_[payer.member];
  ModelRanking& within = RankingOf(group.rankings, model);
  if (within.best.empty() && !within.held) {
    RankingOf(rankings_, model).best.Set(payer.group, group.tag);
  }
  within.best.Set(*member.seat, member.tag);
}

void FairQueue::Delist(const Payer& payer, ModelGeneration model) {
  ModelRanking& within = RankingOf(groups_[payer.group].rankings, model);
  within.best.Erase(*members_[payer.member].seat);
  if (within.best.empty() && !within.held) {
    RankingOf(rankings_, model).best.Erase(payer.group);
  }
}

FairQueue::ModelRanking& FairQueue::RankingOf(Rankings& rankings, ModelGeneration model) {
  const auto found = std::ranges::find(rankings, model, &ModelRanking::model);
  if (found != rankings.end()) {
    return *found;
  }
  // Generations are never used again: those that nobody waits for go.
  std::erase_if(rankings, [](const ModelRanking& ranking) { return ranking.best.empty() && !ranking.held; });
  ModelRanking& added = rankings.emplace_back();
  added.model = model;
  return added;
}

FairQueue::Flow& FairQueue::FlowOf(Member& member, ModelGeneration model) {
  if (Flow* const flow = FindFlow(member, model)) {
    return *flow;
  }
  std::erase_if(member.flows,
                [&member](const Flow& flow) { return flow.jobs.empty() && flow.tag <= member.virtual_time; });
  Flow& added = member.flows.emplace_back();
  added.model = model;
  return added;
}

FairQueue::Group& FairQueue::GroupAt(GroupIndex group) {
  if (group >= groups_.size()) {
    groups_.resize(group + 1);
  }
  return groups_[group];
}

FairQueue::Member& FairQueue::MemberAt(MemberIndex member) {
  if (member >= members_.size()) {
    members_.resize(member + 1);
  }
  return members_[member];
}

}  // namespace accelerd
