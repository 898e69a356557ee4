#include "frontend/http/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "fmt/core.h"
#include "frontend/http/listen_error.h"
#include "frontend/http/unix_socket_file.h"

namespace accelerd {
namespace {

/// A socket that is bound to a path, and the file that it is there.
struct BoundSocket {
  UniqueFd socket;
  FileIdentity file;
};

/// Binds and listens. REQUIRES: the lock of the path is held, and the path is short enough.
absl::StatusOr<BoundSocket> Bind(const std::string& path, const SocketAccess& access) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ACCELERD_RETURN_IF_ERROR(RemoveStaleSocket(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // The mode of the descriptor, less the process's mask, is that of the file: it is never wider than what was asked
  // for.
  if (!socket.valid() || fchmod(socket.get(), static_cast<mode_t>(access.mode)) != 0 ||
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ListenError("unix:" + path, errno);
  }
  // Nobody can connect before `listen`.
  const absl::StatusOr<FileIdentity> file = SetSocketAccess(path, access.mode, access.group);
  if (!file.ok() || listen(socket.get(), kListenBacklog) != 0) {
    const absl::Status failure = file.ok() ? ListenError("unix:" + path, errno) : file.status();
    socket = UniqueFd();
    RemoveStaleSocket(path).IgnoreError();
    return failure;
  }
  return BoundSocket{.socket = std::move(socket), .file = *file};
}

class UnixListener final : public Listener {
 public:
  UnixListener(std::string path, SocketAccess access, SocketLock lock, BoundSocket bound)
      : path_(std::move(path)), access_(std::move(access)), lock_(std::move(lock)), bound_(std::move(bound)) {}

  ~UnixListener() override {
    if (IsAtPath()) {
      unlink(path_.c_str());
    }
  }

  std::string address() const override { return "unix:" + path_; }
  int descriptor() const override { return bound_.socket.get(); }

  Accepted Accept() override {
    Accepted accepted;
    accepted.socket = UniqueFd(accept4(descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted.socket.valid()) {
      accepted.error = errno;
      return accepted;
    }
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    getsockopt(accepted.socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    accepted.client = fmt::format("unix {}:{}", credentials.uid, credentials.pid);
    return accepted;
  }

  absl::StatusOr<std::unique_ptr<Listener>> Renew() override {
    if (IsAtPath()) {
      return nullptr;
    }
    // The lock may have gone with the folder. Whoever has it by now is another service, which keeps the path.
    std::optional<SocketLock> lock;
    if (!lock_.IsAtPath()) {
      ACCELERD_ASSIGN_OR_RETURN(SocketLock acquired, SocketLock::Acquire(path_));
      lock.emplace(std::move(acquired));
    }
    ACCELERD_ASSIGN_OR_RETURN(BoundSocket bound, Bind(path_, access_));
    return std::make_unique<UnixListener>(path_, access_, lock ? *std::move(lock) : std::move(lock_), std::move(bound));
  }

 private:
  bool IsAtPath() const {
    const absl::StatusOr<FileIdentity> current = IdentityOf(path_);
    return current.ok() && *current == bound_.file;
  }

  const std::string path_;
  const SocketAccess access_;
  SocketLock lock_;  // Released last.
  BoundSocket bound_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> OpenUnixListener(const std::string& path, const SocketAccess& access) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(fmt::format("cannot listen on unix:{}: the path is longer than {} bytes", path,
                                                  sizeof(sockaddr_un::sun_path) - 1));
  }
  ACCELERD_ASSIGN_OR_RETURN(SocketLock lock, SocketLock::Acquire(path));
  ACCELERD_ASSIGN_OR_RETURN(BoundSocket bound, Bind(path, access));
  return std::make_unique<UnixListener>(path, access, std::move(lock), std::move(bound));
}

}  // namespace accelerd
