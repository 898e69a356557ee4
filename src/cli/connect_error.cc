#include "cli/connect_error.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::string_view kStart =
    "Is it running? Start it with \"accelerd serve\", or say where it is with --url or ACCELERD_URL";

std::string UserName(uid_t user) {
  const passwd* const entry = getpwuid(user);  // NOLINT(concurrency-mt-unsafe): a command has one thread.
  return entry == nullptr ? std::to_string(user) : entry->pw_name;
}

std::string GroupName(gid_t group) {
  const struct group* const entry = getgrgid(group);  // NOLINT(concurrency-mt-unsafe): likewise.
  return entry == nullptr ? std::to_string(group) : entry->gr_name;
}

/// The first folder on the way to a file that this user may not pass; empty if there is none.
std::string ClosedFolder(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (access(folder.c_str(), X_OK) != 0 && errno == EACCES) {
      return folder;
    }
  }
  return "";
}

std::string NoPermission(const std::string& path) {
  if (const std::string folder = ClosedFolder(path); !folder.empty()) {
    return fmt::format("The user {} may not enter the folder {}", UserName(geteuid()), folder);
  }
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) {
    return "";
  }
  return fmt::format(
      "The socket belongs to the user {} and the group {} and has the mode {:04o}, and the user {} may not write it. "
      "The "
      "service decides that by its options --socket-mode and --socket-group",
      UserName(status.st_uid), GroupName(status.st_gid), status.st_mode & 07777, UserName(geteuid()));
}

std::string UnixHint(const std::string& path, int error) {
  struct stat status{};
  switch (error) {
    case EACCES:
    case EPERM:
      return NoPermission(path);
    case ENOENT:
    case ENOTDIR:
      return fmt::format("There is no such socket. {}", kStart);
    case ECONNREFUSED:
      return stat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)
                 ? "The file is not a socket; --url or ACCELERD_URL says where the service is"
                 : fmt::format("Nobody listens on this socket: a service that ended may have left it. {}", kStart);
    case EAGAIN:
      return "The service does not accept connections: it is overloaded, or stopped";
    default:
      return std::string(kStart);
  }
}

std::string TcpHint(int error) {
  switch (error) {
    case ECONNREFUSED:
      return fmt::format("Nobody listens there. {}", kStart);
    case EACCES:
    case EPERM:
      return "A firewall of this machine does not allow the connection";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return "No network leads there: is the address right, and is that machine on?";
    case ETIMEDOUT:
      return "The machine does not answer: is the address right, and does a firewall let the connection pass?";
    case EADDRNOTAVAIL:
      return "This machine has no address, or no free port, to connect from";
    default:
      return std::string(kStart);
  }
}

}  // namespace

absl::Status ConnectError(const std::string& socket_path, int error) {
  const std::string hint = socket_path.empty() ? TcpHint(error) : UnixHint(socket_path, error);
  const std::string reason = std::generic_category().message(error);
  return absl::UnavailableError(hint.empty() ? reason : fmt::format("{}. {}", reason, hint));
}

}  // namespace accelerd
