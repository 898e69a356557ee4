#ifndef ACCELERD_FRONTEND_HTTP_LISTENER_H_
#define ACCELERD_FRONTEND_HTTP_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "frontend/http/server.h"

namespace accelerd {

/// Connections that the kernel lets wait to be accepted.
inline constexpr int kListenBacklog = 1024;

/// A connection that was accepted: non-blocking, closed on exec.
struct Accepted {
  UniqueFd socket;
  std::string client;  ///< "192.0.2.1", "unix UID:PID".
  int error = 0;       ///< errno when `socket` is not valid.
};

/// Who may connect to a Unix socket.
struct SocketAccess {
  int mode = 0660;
  std::string group = {};  ///< Empty: the process's own.
};

/// A socket that listens on one address. Not thread-safe.
class Listener {
 public:
  virtual ~Listener() = default;

  /// "127.0.0.1:5001", "[::1]:5001", "unix:/run/accelerd.sock": with the port that was chosen.
  virtual std::string address() const = 0;

  /// The listening socket, non-blocking: readable when there is something to accept.
  virtual int descriptor() const = 0;

  /// Takes one connection that waits. EAGAIN when there is none.
  virtual Accepted Accept() = 0;

  /// Makes a Unix socket reachable again after it was deleted or replaced at its path. Returns the listener to use from
  /// now on; this one still has the connections that wait at the old socket. Returns null if the socket is reachable as
  /// it is. After an error the next call tries again. A socket of another service that lives is never replaced.
  virtual absl::StatusOr<std::unique_ptr<Listener>> Renew() { return nullptr; }
};

/// Binds and listens on all `addresses`. An error names the address and says what to do; nothing stays bound then.
///
/// TCP: a name is listened on at every address that it has, with one port for all of them if the port is 0. An IPv6
/// address takes no IPv4 connections, but for [::], which takes them unless `addresses` names an IPv4 address with the
/// same port. An `optional` address is left out if the machine does not have it.
///
/// Unix: a socket that nobody listens on is replaced, anything else at its path is not. Two services that start at once
/// are kept apart by a lock on PATH.lock, a file that is removed with the listener.
absl::StatusOr<std::vector<std::unique_ptr<Listener>>> OpenListeners(const std::vector<ListenAddress>& addresses,
                                                                     const SocketAccess& access);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_LISTENER_H_
