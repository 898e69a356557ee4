#include "base/ip_prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr int kV4Bits = 8 * kV4Offset;
constexpr int kAllBits = 128;

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

bool IsV4(const IpAddress& address) {
  constexpr IpAddress kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(address.begin(), address.begin() + kV4Offset, kMapped.begin());
}

bool IsLoopback(const IpAddress& address) {
  constexpr IpAddress kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return IsV4(address) ? address[kV4Offset] == 127 : address == kLoopback;
}

bool IsLinkLocal(const IpAddress& address) {
  return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
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
