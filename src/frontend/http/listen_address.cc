#include "absl/strings/numbers.h"
#include "fmt/core.h"
#include "frontend/http/server.h"

namespace accelerd {

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    address.path = text.substr(kUnix.size());
    if (address.path.empty() || address.path.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(fmt::format("'{}' names no Unix socket; write unix:PATH", text));
    }
    return address;
  }

  const std::size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  std::uint32_t port = 0;
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (host.empty() || (!bracketed && host.find_first_of("[]:") != std::string_view::npos) ||
      digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(std::string(digits), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no address to listen on; write HOST:PORT, [IPV6]:PORT or unix:PATH", text));
  }
  address.host = host;
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

}  // namespace accelerd
