#ifndef ACCELERD_FRONTEND_HTTP_PEER_H_
#define ACCELERD_FRONTEND_HTTP_PEER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "frontend/http/local_sockets.h"
#include "frontend/http/process_finder.h"

namespace accelerd {

/// Who is at the other end of a connection, as far as the machine tells. Not thread-safe.
///
/// Of a Unix socket that is the user and process that connected. Of a TCP connection from this machine it is the user,
/// once recognized, and the process, once found. Of any other it is the address: of IPv6 its /64, within which a host
/// takes addresses as it likes, unless it is link-local.
class Peer {
 public:
  /// Nobody known.
  Peer() = default;

  /// Asks the socket alone.
  explicit Peer(int socket);

  /// Of a TCP connection.
  Peer(const TcpEnd& there, const TcpEnd& here) : there_(there), here_(here) {}

  /// Asks the machine, the first time: microseconds. Whether it did.
  bool Recognize(LocalSockets& sockets);

  /// The inode of the socket at the other end whose process may be found; nullopt: it is known, or cannot be.
  std::optional<std::uint32_t> inode_to_find() const;

  /// What was found out about inode_to_find().
  void Found(ProcessFinder::Answer answer);

  bool over_unix_socket() const { return unix_; }
  /// Whether the connection came to a loopback address of this machine, over TCP.
  bool at_loopback() const { return there_ && IsLoopback(here_.address); }
  const std::optional<std::uint32_t>& uid() const { return uid_; }
  /// Of a TCP connection.
  std::optional<IpAddress> address() const { return there_ ? std::optional(there_->address) : std::nullopt; }

  /// "uid 1000 pid 4711", "uid 1000", "address 192.0.2.7" or "address 2001:db8::/64".
  std::string name() const;

  /// Its pid is 0 when it is in another namespace; nullopt: not known.
  const std::optional<ProcessInfo>& process() const { return process_; }

 private:
  /// Whether it may be on this machine.
  bool local() const;

  bool unix_ = false;
  bool recognized_ = false;
  std::optional<TcpEnd> there_;  ///< Of TCP.
  TcpEnd here_;
  std::optional<std::uint32_t> uid_;
  std::uint32_t inode_ = 0;
  std::optional<ProcessInfo> process_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_PEER_H_
