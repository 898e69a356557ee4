#include "base/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace accelerd {
namespace {

int OpenAt2(int directory, const char* path, int flags, unsigned resolve) {
  open_how how = {};
  how.flags = static_cast<unsigned>(flags);
  how.resolve = resolve;
  return static_cast<int>(syscall(SYS_openat2, directory, path, &how, sizeof(how)));
}

}  // namespace

bool KernelResolvesBeneath() {
  // A sandbox may answer any error: EPERM, ENOSYS, EACCES.
  static const bool resolves = UniqueFd(OpenAt2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, RESOLVE_NO_MAGICLINKS)).valid();
  return resolves;
}

UniqueFd OpenBeneath(int directory, const std::string& relative, int flags, int& error) {
  if (!KernelResolvesBeneath()) {
    return OpenBeneathByWalking(directory, relative, flags, error);
  }
  UniqueFd opened;
  // A rename elsewhere in the tree makes the kernel ask for another try.
  for (int attempt = 0; attempt < 32; ++attempt) {
    opened = UniqueFd(OpenAt2(directory, relative.c_str(), flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS));
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
