#include "frontend/http/client_policy.h"

#include <algorithm>
#include <utility>

#include "fmt/core.h"
#include "frontend/http/call_conditions.h"

namespace accelerd {
namespace {

bool Matches(const ClientRule& rule, const Peer& peer) {
  if (!rule.id.empty()) {
    return false;
  }
  if (rule.over_unix_socket) {
    return peer.over_unix_socket();
  }
  if (rule.uid) {
    return rule.uid == peer.uid();
  }
  return !rule.address || (peer.address() && rule.address->Contains(*peer.address()));
}

/// As the option --client names a client.
std::string MatchText(const Peer& peer, const std::string& id_alone) {
  if (!id_alone.empty()) {
    return fmt::format("id:{}", id_alone);
  }
  if (peer.uid()) {
    return fmt::format("uid:{}", *peer.uid());
  }
  return peer.address() ? fmt::format("address:{}", FormatIpAddress(*peer.address())) : "any";
}

}  // namespace

ClientGrant ClientPolicy::GrantOfPeer(const Peer& peer) const {
  const auto found =
      std::find_if(rules_.begin(), rules_.end(), [&](const ClientRule& rule) { return Matches(rule, peer); });
  return found == rules_.end() ? ClientGrant() : found->grant;
}

ClientGrant ClientPolicy::GrantOf(const Peer& peer, const std::string& id) const {
  const ClientGrant grant = GrantOfPeer(peer);
  if (id.empty() || !grant.trusted) {
    return grant;
  }
  const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const ClientRule& rule) { return rule.id == id; });
  return found == rules_.end() ? grant : found->grant;
}

bool ClientPolicy::IdIsClient(const Peer& peer, const std::string& id) const {
  return !id.empty() && GrantOfPeer(peer).trusted;
}

Client ClientPolicy::ClientOf(const Peer& peer, const std::string& id) const {
  const double weight = GrantOf(peer, id).weight;
  if (IdIsClient(peer, id)) {
    return {.group = fmt::format("id {}", id), .weight = weight};
  }
  if (IsAsOne(peer)) {
    return {.group = fmt::format("uid {}", *peer.uid()), .member = id, .weight = weight};
  }
  const ProcessInfo process = peer.process().value_or(ProcessInfo());
  return {.group = peer.name(),
          .member = id,
          .weight = weight,
          .process = process.name,
          .process_started = process.started};
}

absl::StatusOr<PriorityClass> ClientPolicy::PriorityOf(const Peer& peer, const std::string& id,
                                                       std::optional<PriorityClass> asked) const {
  // Later is lower.
  const PriorityClass highest = GrantOf(peer, id).highest;
  if (!asked) {
    return std::max(highest, PriorityClass::kNormal);
  }
  if (*asked < highest) {
    return absl::PermissionDeniedError(fmt::format(
        "X-Priority: {0} is more than this client may ask for, which is {1}; the service grants it by the option "
        "--client \"{2} priority={0}\"",
        PriorityClassName(*asked), PriorityClassName(highest), MatchText(peer, IdIsClient(peer, id) ? id : "")));
  }
  return *asked;
}

}  // namespace accelerd
