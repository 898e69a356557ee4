#ifndef ACCELERD_FRONTEND_HTTP_CONNECTION_TABLE_H_
#define ACCELERD_FRONTEND_HTTP_CONNECTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace accelerd {

/// The connections that count against the limit, whose they are, and which of them a new one may replace. Not
/// thread-safe; connections that it does not hold are ignored.
class ConnectionTable {
 public:
  using Id = std::uint64_t;

  /// A new connection of `peer`, idle from now on. REQUIRES: the id was never used.
  void Open(Id id, const std::string& peer);
  void Close(Id id);

  /// Idle from now on, also when it was before.
  void SetIdle(Id id);
  /// Not to be replaced until SetIdle.
  void SetBusy(Id id);
  /// More is known of who is at the other end.
  void SetPeer(Id id, const std::string& peer);

  std::size_t size() const { return connections_.size(); }

  /// Of the peers that have an idle connection, the one with most connections of any kind gives up the one that is idle
  /// for longest; among equals the longest counts. nullopt: none is idle. Looks at every peer.
  std::optional<Id> Replaceable() const;

 private:
  /// Counts what became idle, so that less is longer.
  using Since = std::uint64_t;

  struct ConnectionPeer {
    std::size_t connections = 0;
    std::map<Since, Id> idle;
  };
  using Peers = std::unordered_map<std::string, ConnectionPeer>;

  struct Connection {
    Peers::value_type* peer = nullptr;
    std::optional<Since> idle_since;
  };

  void Attach(Id id, Connection& connection, const std::string& peer);
  void Detach(Connection& connection);

  Since last_ = 0;
  std::unordered_map<Id, Connection> connections_;
  Peers peers_;  ///< Those with connections.
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_CONNECTION_TABLE_H_
