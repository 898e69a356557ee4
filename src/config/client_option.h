#ifndef ACCELERD_CONFIG_CLIENT_OPTION_H_
#define ACCELERD_CONFIG_CLIENT_OPTION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ip_prefix.h"
#include "base/status.h"

namespace accelerd {

/// One `--client`: what is granted to the clients that it matches.
struct ClientOption {
  enum class Match {
    kAny,      ///< "any": every peer.
    kUnix,     ///< "unix": whoever comes over a Unix socket.
    kUid,      ///< "uid:1000": a user of this machine by number …
    kUser,     ///< "user:alice": … and by name.
    kAddress,  ///< "address:192.0.2.0/24".
    kId,       ///< "id:NAME": what a trusted peer calls its own client.
  };

  Match match = Match::kAny;
  std::uint32_t uid = 0;  ///< Of kUid.
  std::string name;       ///< Of kUser and kId.
  IpPrefix address;       ///< Of kAddress.
  double weight = 1;      ///< 0.01 to 100.
  std::string priority;   ///< The highest class it may ask for: "realtime", "normal" or "batch".
  bool trusted = false;   ///< The ids that it names are clients of their own.
  bool as_one = false;    ///< All processes of one user are one client.
};

/// "MATCH", and separated by spaces "weight=2", "priority=realtime", "trusted", "as-one", each at most once, in any
/// order. nullopt for anything else.
std::optional<ClientOption> ParseClientOption(std::string_view text);

/// What ParseClientOption reads back, with what is not the default.
std::string FormatClientOption(const ClientOption& option);

/// The first option that matches counts: kInvalidArgument names one that never can.
absl::Status ValidateClientOptions(std::span<const ClientOption> options);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_CLIENT_OPTION_H_
