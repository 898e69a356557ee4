#ifndef ACCELERD_FRONTEND_HTTP_LOCAL_SOCKETS_H_
#define ACCELERD_FRONTEND_HTTP_LOCAL_SOCKETS_H_

#include <cstdint>
#include <optional>

#include "base/ip_prefix.h"
#include "base/unique_fd.h"

namespace accelerd {

/// One end of a TCP connection.
struct TcpEnd {
  IpAddress address{};
  std::uint16_t port = 0;
};

/// A socket of this machine, as the kernel lists it.
struct LocalSocket {
  std::uint32_t uid = 0;    ///< Who made it.
  std::uint32_t inode = 0;  ///< "socket:[INODE]" in /proc/PID/fd; 0: no process holds it any more.
};

/// The kernel's table of TCP sockets (sock_diag(7)), open to every user. Not thread-safe.
class LocalSockets {
 public:
  /// The socket at the end `from` of the connection to `to`; one exact look-up, which takes some microseconds. nullopt:
  /// there is no such socket on this machine, or the kernel does not tell.
  std::optional<LocalSocket> Find(const TcpEnd& from, const TcpEnd& to);

 private:
  UniqueFd netlink_;
  std::uint32_t sequence_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_LOCAL_SOCKETS_H_
