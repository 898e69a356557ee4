#include "base/ip_prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kV4Offset = 12;
constexpr int kV4Bits = 8 * kV4Offset;
constexpr int kAllBits = 128;

/// The kernel's type is aligned, our bytes are not.
template <typename Test>
bool IsKernelAddress(const IpAddress& address, Test test) {
  in6_addr v6{};
  static_assert(sizeof(v6) == sizeof(address));
  std::memcpy(&v6, address.data(), sizeof(v6));
  return test(&v6);
}

bool IsV4(const IpAddress& address) {
  return IsKernelAddress(address, [](const in6_addr* v6) { return IN6_IS_ADDR_V4MAPPED(v6); });
}

std::optional<int> ParseBits(std::string_view text, int most) {
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() || bits > static_cast<unsigned>(most)) {
    return std::nullopt;
  }
  return static_cast<int>(bits);
}

}  // namespace

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  const std::string terminated(text);
  IpAddress address{};
  if (terminated.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) {
    return address;
  }
  address[kV4Offset - 1] = address[kV4Offset - 2] = 0xff;
  if (inet_pton(AF_INET, terminated.c_str(), address.data() + kV4Offset) == 1) {
    return address;
  }
  return std::nullopt;
}

std::string FormatIpAddress(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IsV4(address)) {
    inet_ntop(AF_INET, address.data() + kV4Offset, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

bool IsLoopback(const IpAddress& address) {
  return IsV4(address) ? address[kV4Offset] == 127
                       : IsKernelAddress(address, [](const in6_addr* v6) { return IN6_IS_ADDR_LOOPBACK(v6); });
}

IpPrefix::IpPrefix(const IpAddress& address, int bits) : address_(address), bits_(bits) {
  for (int i = 0; i < static_cast<int>(address_.size()); ++i) {
    const int kept = std::clamp(bits - 8 * i, 0, 8);
    address_.at(static_cast<std::size_t>(i)) &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
}

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = ParseIpAddress(text.substr(0, slash));
  if (!address || slash == std::string_view::npos) {
    return address ? std::optional<IpPrefix>(IpPrefix(*address, kAllBits)) : std::nullopt;
  }
  const int before = text.substr(0, slash).find(':') == std::string_view::npos ? kV4Bits : 0;
  const auto bits = ParseBits(text.substr(slash + 1), kAllBits - before);
  return bits ? std::optional<IpPrefix>(IpPrefix(*address, before + *bits)) : std::nullopt;
}

bool IpPrefix::Contains(const IpAddress& address) const {
  return IpPrefix(address, bits_) == *this;
}

std::string IpPrefix::ToString() const {
  const std::string address = FormatIpAddress(address_);
  if (bits_ == kAllBits) {
    return address;
  }
  return fmt::format("{}/{}", address, IsV4(address_) ? bits_ - kV4Bits : bits_);
}

}  // namespace accelerd
