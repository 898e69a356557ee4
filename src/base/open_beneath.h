#ifndef ACCELERD_BASE_OPEN_BENEATH_H_
#define ACCELERD_BASE_OPEN_BENEATH_H_

#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace accelerd {

/// Opens `relative` beneath the open directory `directory`, as openat(2) with `flags` does, but the kernel refuses what
/// leads out of it: "..", absolute paths, and links that do. The result is not valid on failure; then `error` is errno,
/// EXDEV for what leads out.
UniqueFd OpenBeneath(int directory, const std::string& relative, int flags, int& error);

/// `path` relative to the directory `root`, "." for that itself; nothing when it does not begin with it. REQUIRES: both
/// are absolute, and neither has empty or "." components; "/" is the empty string.
std::optional<std::string> RelativeTo(const std::string& path, const std::string& root);

}  // namespace accelerd

#endif  // ACCELERD_BASE_OPEN_BENEATH_H_
