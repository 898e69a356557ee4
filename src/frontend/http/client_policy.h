#ifndef ACCELERD_FRONTEND_HTTP_CLIENT_POLICY_H_
#define ACCELERD_FRONTEND_HTTP_CLIENT_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_prefix.h"
#include "base/status.h"
#include "frontend/http/peer.h"
#include "service/call_context.h"

namespace accelerd {

/// What a client is granted.
struct ClientGrant {
  double weight = 1;                               ///< Beside other clients.
  PriorityClass highest = PriorityClass::kNormal;  ///< Class that it may ask for.
  bool trusted = false;                            ///< The ids that it names are clients of their own.
  bool as_one = false;                             ///< All processes of one user are one client.
};

/// Whom a grant is for: the one that is set; any peer when none is.
struct ClientRule {
  bool over_unix_socket = false;
  std::optional<std::uint32_t> uid;
  std::optional<IpPrefix> address;
  std::string id;  ///< Named by a trusted peer.
  ClientGrant grant;
};

/// Which client a request counts for, and what that one may do. Immutable; thread-safe.
///
/// A peer is a group of its own; the ids that it names by X-Client-Id are members of the group, unless it is trusted:
/// then each id is a group. The first rule that matches counts; an id without a rule has what its peer is granted.
class ClientPolicy {
 public:
  explicit ClientPolicy(std::vector<ClientRule> rules) : rules_(std::move(rules)) {}

  /// `id`: from X-Client-Id; empty: none.
  Client ClientOf(const Peer& peer, const std::string& id) const;

  /// The class of a request that asks for `asked`; without that kNormal, or the highest that it may have where that is
  /// lower. kPermissionDenied, with the option that would allow it.
  absl::StatusOr<PriorityClass> PriorityOf(const Peer& peer, const std::string& id,
                                           std::optional<PriorityClass> asked) const;

  /// Returns true if all processes of the peer's user are one client, so that its process need not be known.
  bool IsAsOne(const Peer& peer) const { return peer.uid() && GrantOfPeer(peer).as_one; }

  /// Whether the client is the id alone, whoever names it.
  bool IdIsClient(const Peer& peer, const std::string& id) const;

 private:
  ClientGrant GrantOfPeer(const Peer& peer) const;
  ClientGrant GrantOf(const Peer& peer, const std::string& id) const;

  const std::vector<ClientRule> rules_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_CLIENT_POLICY_H_
