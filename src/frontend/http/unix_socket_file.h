#ifndef ACCELERD_FRONTEND_HTTP_UNIX_SOCKET_FILE_H_
#define ACCELERD_FRONTEND_HTTP_UNIX_SOCKET_FILE_H_

#include <sys/types.h>

#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd {

/// Which file a path leads to.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const FileIdentity&) const = default;
};

/// The file at a path itself, also when it is a link; kNotFound or another error if there is none.
absl::StatusOr<FileIdentity> IdentityOf(const std::string& path);

/// An flock on PATH.lock for as long as this lives; the file goes with it. Movable.
class SocketLock {
 public:
  /// kAlreadyExists: another process holds it.
  static absl::StatusOr<SocketLock> Acquire(const std::string& socket_path);

  SocketLock(SocketLock&&) = default;
  SocketLock& operator=(SocketLock&&) = delete;
  ~SocketLock();

  /// Whether the file that is locked is the one that others would lock.
  bool IsAtPath() const;

 private:
  SocketLock(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  UniqueFd file_;
  std::string path_;
};

/// Removes the socket at a path if nobody listens on it. kAlreadyExists: somebody does, or it is no socket.
absl::Status RemoveStaleSocket(const std::string& path);

/// Gives the socket that was bound at `path` its mode, and a group unless `group` is empty, and returns which file it
/// is. Whatever else is at the path by now is not changed: links are not followed, and a file that is no socket, or has
/// another name as well, is refused.
absl::StatusOr<FileIdentity> SetSocketAccess(const std::string& path, int mode, const std::string& group);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_UNIX_SOCKET_FILE_H_
