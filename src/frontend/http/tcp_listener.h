#ifndef ACCELERD_FRONTEND_HTTP_TCP_LISTENER_H_
#define ACCELERD_FRONTEND_HTTP_TCP_LISTENER_H_

#include <memory>
#include <vector>

#include "frontend/http/listener.h"

namespace accelerd {

/// Listens on every address that `address` stands for, with one port for all of them; see OpenListeners. `v6_only`:
/// [::] does not take IPv4 connections.
absl::StatusOr<std::vector<std::unique_ptr<Listener>>> OpenTcpListeners(const ListenAddress& address, bool v6_only);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_TCP_LISTENER_H_
