#include "frontend/http/listener.h"

#include <algorithm>
#include <utility>

#include "base/ip_prefix.h"
#include "frontend/http/tcp_listener.h"
#include "frontend/http/unix_listener.h"

namespace accelerd {

absl::StatusOr<std::vector<std::unique_ptr<Listener>>> OpenListeners(const std::vector<ListenAddress>& addresses,
                                                                     const SocketAccess& access) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const ListenAddress& address : addresses) {
    if (!address.path.empty()) {
      ACCELERD_ASSIGN_OR_RETURN(auto listener, OpenUnixListener(address.path, access));
      listeners.push_back(std::move(listener));
      continue;
    }
    // Two sockets cannot have one port for IPv4.
    const bool v4_is_listed = std::any_of(addresses.begin(), addresses.end(), [&](const ListenAddress& other) {
      const auto ip = ParseIpAddress(other.host);
      return other.path.empty() && other.port != 0 && other.port == address.port && ip && IsV4(*ip);
    });
    ACCELERD_ASSIGN_OR_RETURN(auto opened, OpenTcpListeners(address, v4_is_listed));
    std::move(opened.begin(), opened.end(), std::back_inserter(listeners));
  }
  return listeners;
}

}  // namespace accelerd
