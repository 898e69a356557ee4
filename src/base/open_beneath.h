#ifndef ACCELERD_BASE_OPEN_BENEATH_H_
#define ACCELERD_BASE_OPEN_BENEATH_H_

#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace accelerd {

/// Opens `relative` beneath the open directory `directory`, as openat(2) with `flags` does, but refuses what leads out
/// of the directory: "..", absolute paths, and links that do. The kernel resolves the path; where it cannot (see
/// KernelResolvesBeneath), OpenBeneathByWalking does. Returns a descriptor that is not valid on failure; then `error`
/// is errno: EXDEV for what leads out, ELOOP for a magic link of /proc.
///
/// `flags` create nothing, and do not hold O_NOFOLLOW.
UniqueFd OpenBeneath(int directory, const std::string& relative, int flags, int& error);

/// Does the same without the kernel's help: opens each component relative to the directory before it, without following
/// links, and resolves links itself, at most 40. No check races with an opening, however the tree changes meanwhile.
UniqueFd OpenBeneathByWalking(int directory, const std::string& relative, int flags, int& error);

/// Returns whether this process may use openat2(2). Kernels before Linux 5.6 lack it, and some sandboxes forbid it, for
/// example those of systemd's RestrictSUIDSGID=. Asks the kernel once.
bool KernelResolvesBeneath();

/// Returns `path` relative to the directory `root`, "." for `root` itself, and nothing when `path` does not begin with
/// `root`. REQUIRES: both are absolute, and neither has empty or "." components; "/" is the empty string.
std::optional<std::string> RelativeTo(const std::string& path, const std::string& root);

}  // namespace accelerd

#endif  // ACCELERD_BASE_OPEN_BENEATH_H_
