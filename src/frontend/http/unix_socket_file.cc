#include "frontend/http/unix_socket_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "frontend/http/listen_error.h"

namespace accelerd {
namespace {

constexpr mode_t kPermissions = 07777;

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

absl::StatusOr<gid_t> FindGroup(const std::string& name) {
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

}  // namespace

absl::StatusOr<FileIdentity> IdentityOf(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    return ListenError("unix:" + path, errno);
  }
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

absl::StatusOr<SocketLock> SocketLock::Acquire(const std::string& socket_path) {
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

SocketLock::~SocketLock() {
  if (IsAtPath()) {
    unlink(path_.c_str());
  }
}

bool SocketLock::IsAtPath() const {
  struct stat mine{};
  struct stat current{};
  return file_.valid() && fstat(file_.get(), &mine) == 0 && lstat(path_.c_str(), &current) == 0 &&
         mine.st_dev == current.st_dev && mine.st_ino == current.st_ino;
}

absl::Status RemoveStaleSocket(const std::string& path) {
  struct stat present{};
  if (lstat(path.c_str(), &present) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ListenError("unix:" + path, errno);
  }
  if (!S_ISSOCK(present.st_mode)) {
    return absl::AlreadyExistsError(fmt::format(
        "cannot listen on unix:{}: there is a file that is not a socket; remove it or choose another --listen", path));
  }
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) {
    return ListenError("unix:" + path, errno);
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
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

absl::StatusOr<FileIdentity> SetSocketAccess(const std::string& path, int mode, const std::string& group) {
  // Anybody who may write to the folder can put another file there, so the path is not used again from here on.
  const UniqueFd file(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!file.valid() || fstat(file.get(), &status) != 0) {
    return ListenError("unix:" + path, errno);
  }
  if (!S_ISSOCK(status.st_mode) || status.st_nlink != 1) {
    return absl::AbortedError(fmt::format(
        "cannot listen on unix:{}: another file was put in the socket's place; choose a folder that nobody else writes",
        path));
  }
  if (!group.empty()) {
    const absl::StatusOr<gid_t> id = FindGroup(group);
    if (!id.ok()) {
      return Annotate(id.status(), fmt::format("cannot listen on unix:{}", path));
    }
    if (fchownat(file.get(), "", static_cast<uid_t>(-1), *id, AT_EMPTY_PATH) != 0) {
      return absl::PermissionDeniedError(
          fmt::format("cannot listen on unix:{}: cannot give it to the group '{}': {}", path, group, ErrorText(errno)));
    }
  }
  // Such a link leads to the open file itself. Before Linux 6.6 there is no call that takes the descriptor.
  const std::string link = fmt::format("/proc/self/fd/{}", file.get());
  if ((status.st_mode & kPermissions) != static_cast<mode_t>(mode) &&
      chmod(link.c_str(), static_cast<mode_t>(mode)) != 0) {
    return ListenError("unix:" + path, errno);
  }
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace accelerd
