#ifndef ACCELERD_APP_OPEN_FILES_H_
#define ACCELERD_APP_OPEN_FILES_H_

#include <cstddef>

namespace accelerd {

/// Raises the process's limit of open files as far as it may; logs a warning when that is not enough for
/// `max_connections` and what else the service opens.
void RaiseOpenFileLimit(std::size_t max_connections);

}  // namespace accelerd

#endif  // ACCELERD_APP_OPEN_FILES_H_
