#include "frontend/http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr int kBacklog = 1024;

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

void SetOption(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof(value));
}

/// The status of a failed call on `address`, with what to do about it.
absl::Status ListenError(const std::string& address, int error) {
  const std::string what = fmt::format("cannot listen on {}", address);
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          fmt::format("{}: address already in use; stop the other service or choose another --listen", what));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(fmt::format(
          "{}: permission denied; choose a port over 1023, a folder that this user may write, or another user", what));
    case EADDRNOTAVAIL:
      return absl::NotFoundError(
          fmt::format("{}: this machine has no such address; 0.0.0.0 or [::] stands for all of its addresses", what));
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(
          fmt::format("{}: its folder does not exist; create it or choose another --listen", what));
    default:
      return absl::InternalError(fmt::format("{}: {}", what, ErrorText(error)));
  }
}

Accepted AcceptFrom(int listening, sockaddr_storage& peer) {
  Accepted accepted;
  socklen_t size = sizeof(peer);
  accepted.socket =
      UniqueFd(accept4(listening, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  accepted.error = accepted.socket.valid() ? 0 : errno;
  return accepted;
}

/// "192.0.2.1" or "2001:db8::1" of a socket address, and its port.
std::pair<std::string, std::uint16_t> HostAndPort(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return {text.data(), ntohs(v4.sin_port)};
}

class TcpListener final : public Listener {
 public:
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const ListenAddress& address) {
    const std::string host = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
    const std::string name = fmt::format("{}:{}", host, address.port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
        error != 0) {
      return absl::InvalidArgumentError(
          fmt::format("cannot listen on {}: {}; write an address of this machine", name, gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> infos(found, freeaddrinfo);
    // A name may stand for addresses that this machine does not have, such as ::1 without IPv6.
    absl::Status failure;
    for (const addrinfo* info = infos.get(); info != nullptr; info = info->ai_next) {
      UniqueFd socket = BindAndListen(*info);
      if (socket.valid()) {
        return std::make_unique<TcpListener>(std::move(socket));
      }
      failure = ListenError(name, errno);
    }
    return failure;
  }

  explicit TcpListener(UniqueFd socket) : socket_(std::move(socket)) {}

  std::string address() const override {
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    const auto [host, port] = HostAndPort(bound);
    return bound.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
  }

  int descriptor() const override { return socket_.get(); }

  Accepted Accept() override {
    sockaddr_storage peer{};
    Accepted accepted = AcceptFrom(socket_.get(), peer);
    if (accepted.socket.valid()) {
      SetOption(accepted.socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
      accepted.client = HostAndPort(peer).first;
    }
    return accepted;
  }

 private:
  /// Not valid on failure, with errno.
  static UniqueFd BindAndListen(const addrinfo& info) {
    UniqueFd socket(::socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket.valid()) {
      return socket;
    }
    SetOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (info.ai_family == AF_INET6) {
      // Else [::] would take the port of 0.0.0.0 as well, or not, as the machine is configured.
      SetOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (bind(socket.get(), info.ai_addr, info.ai_addrlen) != 0 || listen(socket.get(), kBacklog) != 0) {
      const int error = errno;
      socket = UniqueFd();
      errno = error;
    }
    return socket;
  }

  UniqueFd socket_;
};

/// An flock on PATH.lock for as long as this lives; the file goes with it. Movable only.
class SocketLock {
 public:
  static absl::StatusOr<SocketLock> Acquire(const std::string& socket_path) {
    const std::string path = socket_path + ".lock";
    for (;;) {
      UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (!file.valid()) {
        return ListenError("unix:" + socket_path, errno);
      }
      if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        return ListenError("unix:" + socket_path, errno == EWOULDBLOCK ? EADDRINUSE : errno);
      }
      SocketLock lock(std::move(file), path);
      // Its last holder may have removed it since it was opened: then it keeps nobody out.
      if (lock.IsAtPath()) {
        return lock;
      }
    }
  }

  SocketLock(SocketLock&&) = default;
  SocketLock& operator=(SocketLock&&) = delete;
  ~SocketLock() {
    if (IsAtPath()) {
      unlink(path_.c_str());
    }
  }

 private:
  SocketLock(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  /// Whether the file that is locked is the one that others would lock.
  bool IsAtPath() const {
    struct stat mine{};
    struct stat current{};
    return file_.valid() && fstat(file_.get(), &mine) == 0 && lstat(path_.c_str(), &current) == 0 &&
           mine.st_dev == current.st_dev && mine.st_ino == current.st_ino;
  }

  UniqueFd file_;
  std::string path_;
};

class UnixListener final : public Listener {
 public:
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& path, int mode, const std::string& group) {
    const std::string name = "unix:" + path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
      return absl::InvalidArgumentError(
          fmt::format("cannot listen on {}: the path is longer than {} bytes", name, sizeof(address.sun_path) - 1));
    }
    path.copy(address.sun_path, path.size());

    ACCELERD_ASSIGN_OR_RETURN(SocketLock lock, SocketLock::Acquire(path));
    ACCELERD_RETURN_IF_ERROR(RemoveStale(path, address));
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid() || bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return ListenError(name, errno);
    }
    auto listener = std::make_unique<UnixListener>(path, std::move(lock), std::move(socket));
    // Nobody can connect before `listen`, so nobody does with other permissions than these.
    ACCELERD_RETURN_IF_ERROR(SetAccess(path, mode, group));
    if (listen(listener->descriptor(), kBacklog) != 0) {
      return ListenError(name, errno);
    }
    return listener;
  }

  UnixListener(std::string path, SocketLock lock, UniqueFd socket)
      : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {
    lstat(path_.c_str(), &bound_);
  }

  ~UnixListener() override {
    struct stat current{};
    if (lstat(path_.c_str(), &current) == 0 && current.st_dev == bound_.st_dev && current.st_ino == bound_.st_ino) {
      unlink(path_.c_str());
    }
  }

  std::string address() const override { return "unix:" + path_; }
  int descriptor() const override { return socket_.get(); }

  Accepted Accept() override {
    sockaddr_storage peer{};
    Accepted accepted = AcceptFrom(socket_.get(), peer);
    if (accepted.socket.valid()) {
      ucred credentials{};
      socklen_t size = sizeof(credentials);
      getsockopt(accepted.socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
      accepted.client = fmt::format("unix {}:{}", credentials.uid, credentials.pid);
    }
    return accepted;
  }

 private:
  /// Removes a socket that nobody listens on.
  static absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
    struct stat present{};
    if (lstat(path.c_str(), &present) != 0) {
      return errno == ENOENT ? absl::OkStatus() : ListenError("unix:" + path, errno);
    }
    if (!S_ISSOCK(present.st_mode)) {
      return absl::AlreadyExistsError(fmt::format(
          "cannot listen on unix:{}: there is a file that is not a socket; remove it or choose another --listen",
          path));
    }
    const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!probe.valid()) {
      return ListenError("unix:" + path, errno);
    }
    // EAGAIN is a listener whose queue is full.
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN) {
      return ListenError("unix:" + path, EADDRINUSE);
    }
    if (errno != ECONNREFUSED) {
      return ListenError("unix:" + path, errno);
    }
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ListenError("unix:" + path, errno);
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<gid_t> FindGroup(const std::string& name) {
    constexpr std::size_t kMost = 64 << 20;
    std::vector<char> memory(16 << 10);
    struct ::group entry{};
    struct ::group* found = nullptr;
    int error = 0;
    // A group of many members needs more.
    while ((error = getgrnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found)) == ERANGE &&
           memory.size() < kMost) {
      memory.resize(memory.size() * 2);
    }
    if (found != nullptr) {
      return found->gr_gid;
    }
    // What an absent group reports besides 0 depends on where groups are looked up (getgrnam_r(3)).
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
      return absl::NotFoundError(fmt::format("there is no group '{}'", name));
    }
    return absl::UnavailableError(fmt::format("the group '{}' cannot be looked up: {}", name, ErrorText(error)));
  }

  static absl::Status SetAccess(const std::string& path, int mode, const std::string& group) {
    if (!group.empty()) {
      const absl::StatusOr<gid_t> id = FindGroup(group);
      if (!id.ok()) {
        return Annotate(id.status(), fmt::format("cannot listen on unix:{}", path));
      }
      if (lchown(path.c_str(), static_cast<uid_t>(-1), *id) != 0) {
        return absl::PermissionDeniedError(fmt::format("cannot listen on unix:{}: cannot give it to the group '{}': {}",
                                                       path, group, ErrorText(errno)));
      }
    }
    if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
      return ListenError("unix:" + path, errno);
    }
    return absl::OkStatus();
  }

  std::string path_;
  SocketLock lock_;  // Released last.
  UniqueFd socket_;
  struct stat bound_{};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const ListenAddress& address, int socket_mode,
                                                         const std::string& socket_group) {
  return address.path.empty() ? TcpListener::Open(address)
                              : UnixListener::Open(address.path, socket_mode, socket_group);
}

}  // namespace accelerd
