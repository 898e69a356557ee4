#ifndef ACCELERD_FRONTEND_HTTP_LISTENER_H_
#define ACCELERD_FRONTEND_HTTP_LISTENER_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "frontend/http/server.h"

namespace accelerd {

/// A connection that was accepted: non-blocking, closed on exec.
struct Accepted {
  UniqueFd socket;
  std::string client;  ///< "192.0.2.1", "unix UID:PID".
  int error = 0;       ///< errno when `socket` is not valid.
};

/// A socket that listens on one address. Not thread-safe.
class Listener {
 public:
  virtual ~Listener() = default;

  /// Binds and listens. TCP: SO_REUSEADDR, IPv6 alone for an IPv6 address. Unix: a socket that nobody listens on is
  /// replaced, anything else at its path is not; two services that start at once are kept apart by a lock on PATH.lock,
  /// a file that is removed with the listener. The error names the address and says what to do.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const ListenAddress& address, int socket_mode,
                                                        const std::string& socket_group);

  /// "127.0.0.1:5001", "[::1]:5001", "unix:/run/accelerd.sock": with the port that was chosen.
  virtual std::string address() const = 0;

  /// Of the listening socket, non-blocking: readable when there is something to accept.
  virtual int descriptor() const = 0;

  /// Takes one connection that waits. EAGAIN when there is none.
  virtual Accepted Accept() = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_LISTENER_H_
