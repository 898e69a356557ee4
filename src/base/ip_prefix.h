#ifndef ACCELERD_BASE_IP_PREFIX_H_
#define ACCELERD_BASE_IP_PREFIX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace accelerd {

/// The bytes of an IP address, in the order of the network; of IPv4 as ::ffff:192.0.2.7 has them.
using IpAddress = std::array<std::uint8_t, 16>;

/// "192.0.2.7" or "2001:db8::1"; nullopt for anything else.
std::optional<IpAddress> ParseIpAddress(std::string_view text);

/// What ParseIpAddress reads back.
std::string FormatIpAddress(const IpAddress& address);

/// Where the four bytes of an IPv4 address lie.
inline constexpr std::size_t kV4Offset = 12;
bool IsV4(const IpAddress& address);

/// 127.0.0.0/8 and ::1.
bool IsLoopback(const IpAddress& address);

/// fe80::/10.
bool IsLinkLocal(const IpAddress& address);

/// The addresses that begin with the same bits. Immutable.
class IpPrefix {
 public:
  /// Every address.
  IpPrefix() = default;

  /// The first `bits` of `address`; the others do not count. REQUIRES: 0 <= bits <= 128.
  IpPrefix(const IpAddress& address, int bits);

  /// "192.0.2.7", "192.0.2.0/24", "2001:db8::1" or "2001:db8::/32"; nullopt for anything else.
  static std::optional<IpPrefix> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;

  /// What Parse reads back; a single address without its bits.
  std::string ToString() const;

  bool operator==(const IpPrefix&) const = default;

 private:
  IpAddress address_{};  ///< Its bits past the first bits_ are 0.
  int bits_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_IP_PREFIX_H_
