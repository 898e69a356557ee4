#ifndef ACCELERD_FRONTEND_HTTP_PEER_H_
#define ACCELERD_FRONTEND_HTTP_PEER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/http/local_sockets.h"
#include "frontend/http/process_finder.h"

namespace accelerd {

/// Who is at the other end of a connection, as far as the machine tells. Not thread-safe.
///
/// Over a Unix socket it is the user and the process that connected. Over TCP from this machine it is the user, once
/// recognized, and the process, once found. Over TCP from elsewhere it is the address. Of IPv6 that is the /64, within
/// which a host takes addresses as it likes, unless it is link-local. All loopback addresses are one.
///
/// A process in another process namespace, as in a container, has no number here. Over a Unix socket it is told from
/// others by the kernel's number for its pidfd (Linux 6.9 and later), or else by the connection.
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

  /// "uid 1000 pid 4711", "uid 1000", "address 192.0.2.7" or "address 2001:db8::/64". If the process is in another
  /// namespace, "uid 1000 process 815" or "uid 1000 connection 17".
  std::string name() const;

  /// Whom the connection counts for among connections: name(), but without the connection.
  std::string account() const;

  /// Its pid is 0 when it is in another namespace; nullopt: not known.
  const std::optional<ProcessInfo>& process() const { return process_; }

 private:
  /// Whether it may be on this machine.
  bool local() const;
  void NameElsewhere(int socket);

  bool unix_ = false;
  bool recognized_ = false;
  std::optional<TcpEnd> there_;  ///< Of TCP.
  TcpEnd here_;
  std::optional<std::uint32_t> uid_;
  std::uint32_t inode_ = 0;
  std::optional<ProcessInfo> process_;
  std::string elsewhere_;       ///< How a process in another namespace is called: "process 815".
  bool is_connection_ = false;  ///< elsewhere_ is the connection alone.
};

/// Returns the user of a peer's name, such as 1000 of "uid 1000 pid 4711"; nullopt if the name has no user.
std::optional<std::uint32_t> UserOfName(std::string_view name);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_PEER_H_
