#ifndef ACCELERD_CLI_CONNECT_ERROR_H_
#define ACCELERD_CLI_CONNECT_ERROR_H_

#include <string>

#include "base/status.h"

namespace accelerd {

/// Returns kUnavailable for a service that cannot be connected to, with the reason and what to do about it. `error` is
/// the errno, and `socket_path` the Unix socket; empty for TCP.
absl::Status ConnectError(const std::string& socket_path, int error);

}  // namespace accelerd

#endif  // ACCELERD_CLI_CONNECT_ERROR_H_
