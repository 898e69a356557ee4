#ifndef ACCELERD_BASE_OPEN_BENEATH_H_
#define ACCELERD_BASE_OPEN_BENEATH_H_

#include <string>

#include "base/unique_fd.h"

namespace accelerd {

/// Opens `relative` beneath the open directory `directory`, as openat(2) with `flags` does, but the kernel refuses what
/// leads out of it: "..", absolute paths, and links that do. The result is not valid on failure; then `error` is errno,
/// EXDEV for what leads out.
UniqueFd OpenBeneath(int directory, const std::string& relative, int flags, int& error);

}  // namespace accelerd

#endif  // ACCELERD_BASE_OPEN_BENEATH_H_
