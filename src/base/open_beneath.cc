#include "base/open_beneath.h"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace accelerd {

UniqueFd OpenBeneath(int directory, const std::string& relative, int flags, int& error) {
  open_how how = {};
  how.flags = static_cast<unsigned>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  UniqueFd opened;
  // A rename elsewhere in the tree makes the kernel ask for another try.
  for (int attempt = 0; attempt < 32; ++attempt) {
    opened = UniqueFd(static_cast<int>(syscall(SYS_openat2, directory, relative.c_str(), &how, sizeof(how))));
    if (opened.valid() || errno != EAGAIN) {
      break;
    }
  }
  error = opened.valid() ? 0 : errno;
  return opened;
}

std::optional<std::string> RelativeTo(const std::string& path, const std::string& root) {
  if (path == root) {
    return ".";
  }
  if (!path.starts_with(root) || path[root.size()] != '/') {
    return std::nullopt;
  }
  return path.substr(root.size() + 1);
}

}  // namespace accelerd
