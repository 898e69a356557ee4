#include "engine/client_table.h"

#include <algorithm>
#include <utility>

namespace accelerd {

ClientTable::ClientTable(std::size_t max_members) : max_members_(max_members), members_(1), groups_(1) {
  groups_[0].members = 1;
}

const std::string& ClientTable::KeyOf(const Client& client) {
  key_.clear();
  client.AppendKey(key_);
  key_.append(1, '\0').append(client.member);
  return key_;
}

const ClientTable::Member* ClientTable::FindKnown(const Client& client) {
  const auto found = by_key_.find(KeyOf(client));
  if (found == by_key_.end()) {
    return nullptr;
  }
  Member& member = members_[found->second];
  member.last_seen = ++now_;
  return &member;
}

Payer ClientTable::Insert(const Client& client) {
  const auto [by_group, is_new] = group_by_key_.try_emplace(client.key(), GroupIndex{});
  if (is_new) {
    if (free_groups_.empty()) {
      free_groups_.push_back(static_cast<GroupIndex>(groups_.size()));
      groups_.emplace_back();
    }
    by_group->second = free_groups_.back();
    free_groups_.pop_back();
    groups_[by_group->second].key = by_group->first;
    groups_[by_group->second].weight = client.weight;
  }
  if (free_members_.empty()) {
    free_members_.push_back(static_cast<MemberIndex>(members_.size()));
    members_.emplace_back();
  }
  const MemberIndex index = free_members_.back();
  free_members_.pop_back();
  Group& group = groups_[by_group->second];
  group.members++;
  known_++;
  Member& member = members_[index];
  member.client = client;
  member.client.weight = group.weight;
  member.payer = {.group = by_group->second, .member = index, .weight = group.weight};
  member.known = true;
  member.last_seen = ++now_;
  by_key_.emplace(KeyOf(client), index);
  return member.payer;
}

void ClientTable::Drop(MemberIndex index) {
  Member& member = members_[index];
  members_[kOthers].account.Merge(member.account);
  const GroupIndex group = member.payer.group;
  by_key_.erase(KeyOf(member.client));
  member = Member();
  free_members_.push_back(index);
  known_--;
  if (--groups_[group].members == 0) {
    group_by_key_.erase(groups_[group].key);
    groups_[group] = Group();
    free_groups_.push_back(group);
  }
}

void ClientTable::CountJob(const Payer& payer, std::size_t bytes) {
  members_[payer.member].jobs++;
  Group& group = groups_[payer.group];
  group.bytes += bytes;
  if (group.jobs++ == 0) {
    active_weight_ += group.weight;
    active_groups_++;
  }
}

void ClientTable::DiscountJob(const Payer& payer, std::size_t bytes) {
  members_[payer.member].jobs--;
  Group& group = groups_[payer.group];
  group.bytes -= bytes;
  if (--group.jobs == 0) {
    // Rounding must not add up over the months.
    active_weight_ = --active_groups_ == 0 ? 0 : active_weight_ - group.weight;
  }
}

void ClientTable::AddWaiting(const Payer& payer, PriorityClass priority, Resource resource, Duration time) {
  const auto index = static_cast<std::size_t>(priority);
  members_[payer.member].waiting.of(resource)[index] += time;
  groups_[payer.group].waiting.of(resource)[index] += time;
  waiting_.of(resource)[index] += time;
}

GroupIndex ClientTable::Greediest() const {
  const auto greediest = std::ranges::max_element(
      groups_, {}, [](const Group& group) { return static_cast<double>(group.jobs) / group.weight; });
  return static_cast<GroupIndex>(greediest - groups_.begin());
}

std::vector<ClientStats> ClientTable::Report(Time now) const {
  std::vector<ClientStats> all;
  for (MemberIndex i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    const ShareStats& stats = member.account.stats;
    if (member.known || (i == kOthers && (stats.started > 0 || stats.decoded > 0 || member.jobs > 0))) {
      all.push_back({member.client, member.account.Report(now)});
    }
  }
  return all;
}

}  // namespace accelerd
