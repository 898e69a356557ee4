#ifndef ACCELERD_FRONTEND_HTTP_LISTEN_ERROR_H_
#define ACCELERD_FRONTEND_HTTP_LISTEN_ERROR_H_

#include <string_view>

#include "base/status.h"

namespace accelerd {

/// Returns the status of a call that failed with `error` (an errno) while the service began to listen on `address`. The
/// message says what to do about it.
absl::Status ListenError(std::string_view address, int error);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_LISTEN_ERROR_H_
