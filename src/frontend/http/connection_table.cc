#include "frontend/http/connection_table.h"

namespace accelerd {

void ConnectionTable::Open(Id id, const std::string& peer) {
  Connection& connection = connections_[id];
  connection.idle_since = ++last_;
  Attach(id, connection, peer);
}

void ConnectionTable::Close(Id id) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) {
    Detach(found->second);
    connections_.erase(found);
  }
}

void ConnectionTable::SetIdle(Id id) {
  SetBusy(id);
  const auto found = connections_.find(id);
  if (found != connections_.end()) {
    Connection& connection = found->second;
    connection.idle_since = ++last_;
    connection.peer->second.idle.emplace(*connection.idle_since, id);
  }
}

void ConnectionTable::SetBusy(Id id) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second.idle_since) {
    Connection& connection = found->second;
    connection.peer->second.idle.erase(*connection.idle_since);
    connection.idle_since.reset();
  }
}

void ConnectionTable::SetPeer(Id id, const std::string& peer) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second.peer->first != peer) {
    Detach(found->second);
    Attach(id, found->second, peer);
  }
}

std::optional<ConnectionTable::Id> ConnectionTable::Replaceable() const {
  const ConnectionPeer* most = nullptr;
  for (const auto& [name, peer] : peers_) {
    if (peer.idle.empty()) {
      continue;
    }
    if (most == nullptr || peer.connections > most->connections ||
        (peer.connections == most->connections && peer.idle.begin()->first < most->idle.begin()->first)) {
      most = &peer;
    }
  }
  return most == nullptr ? std::nullopt : std::optional(most->idle.begin()->second);
}

void ConnectionTable::Attach(Id id, Connection& connection, const std::string& peer) {
  connection.peer = &*peers_.try_emplace(peer).first;
  connection.peer->second.connections++;
  if (connection.idle_since) {
    connection.peer->second.idle.emplace(*connection.idle_since, id);
  }
}

void ConnectionTable::Detach(Connection& connection) {
  ConnectionPeer& peer = connection.peer->second;
  if (connection.idle_since) {
    peer.idle.erase(*connection.idle_since);
  }
  if (--peer.connections == 0) {
    peers_.erase(peers_.find(connection.peer->first));
  }
}

}  // namespace accelerd
