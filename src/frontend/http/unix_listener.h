#ifndef ACCELERD_FRONTEND_HTTP_UNIX_LISTENER_H_
#define ACCELERD_FRONTEND_HTTP_UNIX_LISTENER_H_

#include <memory>
#include <string>

#include "frontend/http/listener.h"

namespace accelerd {

/// Listens on a Unix socket at `path`; see OpenListeners.
absl::StatusOr<std::unique_ptr<Listener>> OpenUnixListener(const std::string& path, const SocketAccess& access);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_UNIX_LISTENER_H_
