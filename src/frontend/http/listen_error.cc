#include "frontend/http/listen_error.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "fmt/core.h"

namespace accelerd {

absl::Status ListenError(std::string_view address, int error) {
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
    case EAFNOSUPPORT:
      return absl::NotFoundError(
          fmt::format("{}: IPv6 is off on this machine; choose an IPv4 address, such as 127.0.0.1 or 0.0.0.0", what));
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(
          fmt::format("{}: its folder does not exist; create it or choose another --listen", what));
    default:
      return absl::InternalError(fmt::format("{}: {}", what, std::generic_category().message(error)));
  }
}

}  // namespace accelerd
