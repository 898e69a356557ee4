#include "frontend/http/connection_table.h"

namespace accelerd {

ConnectionTable::Queue& ConnectionTable::ConnectionPeer::queue(ConnectionPhase phase) {
  switch (phase) {
    case ConnectionPhase::kIdle:
      return idle;
    case ConnectionPhase::kTransferring:
      return transferring;
    case ConnectionPhase::kServing:
      return serving;
  }
  return serving;
}

ConnectionTable::Room ConnectionTable::RoomFor(const std::string& peer, bool with_request, Time now) const {
  const auto own = peers_.find(peer);
  const std::size_t connections = own == peers_.end() ? 0 : own->second.connections;
  if (connections + limits_.reserved >= limits_.places) {
    return {.free = false, .victim = VictimOf(own->second, now), .share_is_full = size() < limits_.places};
  }
  if (size() < limits_.places) {
    return {.free = true, .victim = std::nullopt, .share_is_full = false};
  }
  return {.free = false,
          .victim = with_request ? VictimAmongAll(connections, now) : IdleOrStalled(connections, now),
          .share_is_full = false};
}

void ConnectionTable::Open(Id id, const std::string& peer, Time now) {
  Connection& connection = connections_[id];
  connection.order = ++last_;
  connection.peer = &*peers_.try_emplace(peer).first;
  connection.peer->second.connections++;
  connection.peer->second.idle.emplace(connection.order, Entry{id, now});
}

void ConnectionTable::Close(Id id) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) {
    Detach(found->second);
    connections_.erase(found);
  }
}

void ConnectionTable::SetPhase(Id id, ConnectionPhase phase, Time now) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return;
  }
  Connection& connection = found->second;
  ConnectionPeer& peer = connection.peer->second;
  peer.queue(connection.phase).erase(connection.order);
  connection.phase = phase;
  connection.order = ++last_;
  peer.queue(phase).emplace(connection.order, Entry{id, now});
}

void ConnectionTable::Progress(Id id, Time now) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second.phase == ConnectionPhase::kTransferring) {
    SetPhase(id, ConnectionPhase::kTransferring, now);
  }
}

void ConnectionTable::SetPeer(Id id, const std::string& peer) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.peer->first == peer) {
    return;
  }
  Connection& connection = found->second;
  const Entry entry = connection.peer->second.queue(connection.phase).at(connection.order);
  Detach(connection);
  connection.peer = &*peers_.try_emplace(peer).first;
  connection.peer->second.connections++;
  connection.peer->second.queue(connection.phase).emplace(connection.order, entry);
}

bool ConnectionTable::idle(Id id) const {
  const auto found = connections_.find(id);
  return found != connections_.end() && found->second.phase == ConnectionPhase::kIdle;
}

bool ConnectionTable::stalled(Id id, Time now) const {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.phase != ConnectionPhase::kTransferring) {
    return false;
  }
  return found->second.peer->second.transferring.at(found->second.order).since + limits_.stall <= now;
}

bool ConnectionTable::Stalled(const ConnectionPeer& peer, Time now) const {
  return !peer.transferring.empty() && peer.transferring.begin()->second.since + limits_.stall <= now;
}

std::optional<ConnectionTable::Id> ConnectionTable::VictimOf(const ConnectionPeer& peer, Time now) const {
  if (!peer.idle.empty()) {
    return peer.idle.begin()->second.id;
  }
  return Stalled(peer, now) ? std::optional(peer.transferring.begin()->second.id) : std::nullopt;
}

std::optional<ConnectionTable::Id> ConnectionTable::IdleOrStalled(std::size_t newcomer_connections, Time now) const {
  if (const auto* idle = Most(&ConnectionPeer::idle, [](const ConnectionPeer& peer) { return !peer.idle.empty(); })) {
    return idle->idle.begin()->second.id;
  }
  const auto* stalled =
      Most(&ConnectionPeer::transferring, [&](const ConnectionPeer& peer) { return Stalled(peer, now); });
  if (stalled != nullptr && stalled->connections >= newcomer_connections) {
    return stalled->transferring.begin()->second.id;
  }
  return std::nullopt;
}

std::optional<ConnectionTable::Id> ConnectionTable::VictimAmongAll(std::size_t newcomer_connections, Time now) const {
  if (const auto victim = IdleOrStalled(newcomer_connections, now)) {
    return victim;
  }
  const auto* most = Most(&ConnectionPeer::serving, [](const ConnectionPeer& /*peer*/) { return true; });
  if (most == nullptr || most->connections <= newcomer_connections + 1) {
    return std::nullopt;
  }
  return most->transferring.empty() ? most->serving.rbegin()->second.id : most->transferring.begin()->second.id;
}

template <typename Has>
const ConnectionTable::ConnectionPeer* ConnectionTable::Most(const Queue ConnectionPeer::* queue, Has has) const {
  const ConnectionPeer* most = nullptr;
  const auto longer = [queue](const ConnectionPeer& a, const ConnectionPeer& b) {
    const Queue& of_a = a.*queue;
    const Queue& of_b = b.*queue;
    return !of_a.empty() && (of_b.empty() || of_a.begin()->first < of_b.begin()->first);
  };
  for (const auto& [name, peer] : peers_) {
    if (has(peer) && (most == nullptr || peer.connections > most->connections ||
                      (peer.connections == most->connections && longer(peer, *most)))) {
      most = &peer;
    }
  }
  return most;
}

void ConnectionTable::Detach(Connection& connection) {
  ConnectionPeer& peer = connection.peer->second;
  peer.queue(connection.phase).erase(connection.order);
  if (--peer.connections == 0) {
    peers_.erase(peers_.find(connection.peer->first));
  }
}

}  // namespace accelerd
