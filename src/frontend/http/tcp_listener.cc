#include "frontend/http/tcp_listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "base/ip_prefix.h"
#include "fmt/core.h"
#include "frontend/http/listen_error.h"

namespace accelerd {
namespace {

// How often another free port is tried when an address of a name does not have the one that the first address has.
constexpr int kMaxPortAttempts = 16;

using Listeners = std::vector<std::unique_ptr<Listener>>;

void SetOption(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof(value));
}

/// An address to bind.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  bool operator==(const SocketAddress& other) const {
    return size == other.size && std::memcmp(&storage, &other.storage, size) == 0;
  }
  bool is_v6() const { return storage.ss_family == AF_INET6; }
  bool is_any_v6() const {
    return is_v6() && IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr);
  }
  void SetPort(std::uint16_t port) {
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    const in_port_t in_order = htons(port);
    std::memcpy(reinterpret_cast<std::byte*>(&storage) + offsetof(sockaddr_in, sin_port), &in_order, sizeof(in_order));
  }
};

/// "192.0.2.1" or "2001:db8::1" of a socket address, and its port. An IPv4 address in IPv6 form is written as IPv4.
std::pair<std::string, std::uint16_t> HostAndPort(const sockaddr_storage& address) {
  IpAddress bytes{};
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return {FormatIpAddress(bytes), ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  bytes[kV4Offset - 2] = bytes[kV4Offset - 1] = 0xff;
  std::memcpy(bytes.data() + kV4Offset, &v4.sin_addr, sizeof(v4.sin_addr));
  return {FormatIpAddress(bytes), ntohs(v4.sin_port)};
}

std::string AddressText(std::string_view host, std::uint16_t port) {
  return host.find(':') == std::string_view::npos ? fmt::format("{}:{}", host, port)
                                                  : fmt::format("[{}]:{}", host, port);
}

std::string AddressText(const sockaddr_storage& address) {
  const auto [host, port] = HostAndPort(address);
  return AddressText(host, port);
}

/// Whether any interface has an IPv6 address. To listen on [::] succeeds without, and nobody could connect.
bool HasIpv6() {
  std::ifstream addresses("/proc/net/if_inet6");
  return !addresses.is_open() || addresses.peek() != std::ifstream::traits_type::eof();
}

class TcpListener final : public Listener {
 public:
  /// Not valid on failure, with errno.
  static UniqueFd BindAndListen(const SocketAddress& address, bool v6_only) {
    if (address.is_any_v6() && v6_only && !HasIpv6()) {
      errno = EAFNOSUPPORT;
      return {};
    }
    UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket.valid()) {
      return socket;
    }
    SetOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (address.is_v6()) {
      // Said in either case: without, it depends on how the machine is configured.
      SetOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.is_any_v6() && !v6_only ? 0 : 1);
    }
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
        listen(socket.get(), kListenBacklog) != 0) {
      const int error = errno;
      socket = UniqueFd();
      errno = error;
    }
    return socket;
  }

  explicit TcpListener(UniqueFd socket) : socket_(std::move(socket)) {}

  std::uint16_t port() const { return HostAndPort(Bound()).second; }

  std::string address() const override { return AddressText(Bound()); }

  int descriptor() const override { return socket_.get(); }

  Accepted Accept() override {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    Accepted accepted;
    accepted.socket =
        UniqueFd(accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted.socket.valid()) {
      accepted.error = errno;
      return accepted;
    }
    SetOption(accepted.socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    accepted.client = HostAndPort(peer).first;
    return accepted;
  }

 private:
  sockaddr_storage Bound() const {
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    return bound;
  }

  UniqueFd socket_;
};

/// Every address that a host has, each once.
absl::StatusOr<std::vector<SocketAddress>> Resolve(const ListenAddress& address, const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
      error != 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot listen on {}: {}; write an address of this machine", name, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> infos(found, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = infos.get(); info != nullptr; info = info->ai_next) {
    SocketAddress one;
    one.size = std::min<socklen_t>(info->ai_addrlen, sizeof(one.storage));
    std::memcpy(&one.storage, info->ai_addr, one.size);
    if (std::find(addresses.begin(), addresses.end(), one) == addresses.end()) {
      addresses.push_back(one);
    }
  }
  return addresses;
}

/// "localhost:5001 ([::1]:5001)": what was asked for, and which of its addresses is meant.
std::string NameOf(const SocketAddress& address, const std::string& name) {
  const std::string text = AddressText(address.storage);
  return text == name ? name : fmt::format("{} ({})", name, text);
}

}  // namespace

absl::StatusOr<Listeners> OpenTcpListeners(const ListenAddress& address, bool v6_only) {
  const std::string name = AddressText(address.host, address.port);
  ACCELERD_ASSIGN_OR_RETURN(std::vector<SocketAddress> addresses, Resolve(address, name));
  for (int attempt = 1;; ++attempt) {
    Listeners listeners;
    std::uint16_t port = address.port;
    bool port_is_taken = false;
    for (SocketAddress& one : addresses) {
      one.SetPort(port);
      UniqueFd socket = TcpListener::BindAndListen(one, v6_only);
      const int error = errno;
      if (socket.valid()) {
        auto listener = std::make_unique<TcpListener>(std::move(socket));
        port = listener->port();
        listeners.push_back(std::move(listener));
        continue;
      }
      port_is_taken = error == EADDRINUSE && address.port == 0 && attempt < kMaxPortAttempts;
      if (port_is_taken) {
        break;
      }
      if (!address.optional || (error != EADDRNOTAVAIL && error != EAFNOSUPPORT)) {
        return ListenError(NameOf(one, name), error);
      }
    }
    if (!port_is_taken) {
      return listeners;
    }
  }
}

}  // namespace accelerd
