#ifndef ACCELERD_FRONTEND_HTTP_CONNECTION_TABLE_H_
#define ACCELERD_FRONTEND_HTTP_CONNECTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace accelerd {

/// What a connection does.
enum class ConnectionPhase {
  kIdle,          ///< No whole header of a request has arrived since it was opened or its last answer was written.
  kTransferring,  ///< A body arrives, or an answer is being written: it waits for its client.
  kServing,       ///< A request is being served: its client waits.
};

/// The connections that have a place, whose they are, and which of them makes room for another one. Not thread-safe.
/// Calls for connections that the table does not hold do nothing.
///
/// One peer has at most as many places as ConnectionLimits says. Beyond that, and when all places are taken, a
/// connection makes room. It is the first of these that exists:
///
/// 1. an idle connection, the one that is idle for longest, of the peer with most connections that has an idle one;
/// 2. a stalled connection, whose body or answer made no progress for a while, likewise;
/// 3. a connection of the peer with most connections, if that one still has no fewer than the newcomer's peer
///    afterwards: the one whose transfer made no progress for longest, or the one whose request began last.
///
/// So a peer loses no request that is being served to a peer that has as many connections as it has, and none to a
/// connection on which no request came yet.
class ConnectionTable {
 public:
  using Id = std::uint64_t;

  struct Limits {
    std::size_t places = 0;    ///< Connections at once.
    std::size_t reserved = 0;  ///< Places that one peer alone cannot take. REQUIRES: less than `places`.
    Duration stall{};          ///< A transfer without progress for this long is stalled.
  };

  explicit ConnectionTable(const Limits& limits) : limits_(limits) {}

  /// Whether a connection of a peer can have a place.
  struct Room {
    bool free = false;           ///< It can have one now.
    std::optional<Id> victim;    ///< If it is not free: the connection that has to be closed first. None: no place.
    bool share_is_full = false;  ///< If it is not free: other peers could still have one.
  };
  /// Looks at every peer when all places are taken. `with_request`: a whole header came, so the third rule holds too.
  Room RoomFor(const std::string& peer, bool with_request, Time now) const;

  /// An idle connection, or else a stalled one, as the first two rules say; nullopt if there is none.
  std::optional<Id> IdleOrStalled(Time now) const { return IdleOrStalled(0, now); }

  /// A new connection of `peer`, idle from now on. REQUIRES: the id was never used.
  void Open(Id id, const std::string& peer, Time now);
  void Close(Id id);

  /// The connection does this from now on, also when it did so before.
  void SetPhase(Id id, ConnectionPhase phase, Time now);
  /// Bytes of a transfer moved.
  void Progress(Id id, Time now);
  /// More is known of who is at the other end.
  void SetPeer(Id id, const std::string& peer);

  std::size_t size() const { return connections_.size(); }
  bool holds(Id id) const { return connections_.contains(id); }
  bool idle(Id id) const;
  /// Whether the transfer of a connection is stalled.
  bool stalled(Id id, Time now) const;

 private:
  /// Counts phases that began and transfers that made progress, so that less is longer ago.
  using Order = std::uint64_t;

  struct Entry {
    Id id = 0;
    Time since{};
  };
  using Queue = std::map<Order, Entry>;

  struct ConnectionPeer {
    std::size_t connections = 0;
    Queue idle;
    Queue transferring;
    Queue serving;

    Queue& queue(ConnectionPhase phase);
  };
  using Peers = std::unordered_map<std::string, ConnectionPeer>;

  struct Connection {
    Peers::value_type* peer = nullptr;
    ConnectionPhase phase = ConnectionPhase::kIdle;
    Order order = 0;
  };

  bool Stalled(const ConnectionPeer& peer, Time now) const;
  std::optional<Id> VictimOf(const ConnectionPeer& peer, Time now) const;
  std::optional<Id> IdleOrStalled(std::size_t newcomer_connections, Time now) const;
  std::optional<Id> VictimAmongAll(std::size_t newcomer_connections, Time now) const;
  /// The peer with most connections of those that `has` accepts; among equals the one that waits for longest.
  template <typename Has>
  const ConnectionPeer* Most(const Queue ConnectionPeer::* queue, Has has) const;
  void Detach(Connection& connection);

  const Limits limits_;
  Order last_ = 0;
  std::unordered_map<Id, Connection> connections_;
  Peers peers_;  ///< Those with connections.
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_CONNECTION_TABLE_H_
