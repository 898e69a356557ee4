#ifndef ACCELERD_FRONTEND_HTTP_SERVER_H_
#define ACCELERD_FRONTEND_HTTP_SERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/done.h"
#include "frontend/http/client_policy.h"
#include "frontend/http/router.h"

namespace accelerd {

/// Where to listen.
struct ListenAddress {
  std::string host;  ///< IPv4 or IPv6 address, or a name, which stands for all its addresses. Not for Unix sockets.
  std::uint16_t port = 0;  ///< 0: one that is free.
  std::string path;        ///< Of a Unix socket; empty: TCP.
  bool optional = false;   ///< The address is left out if the machine does not have it.
};

/// "HOST:PORT", "[IPV6]:PORT" or "unix:PATH".
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

/// Connections beyond --max-connections: they are told so, or asked about health.
inline constexpr std::size_t kLobbyPlaces = 256;
/// One client alone leaves the places of one connection in so many free.
inline constexpr std::size_t kReservedShare = 16;
/// Calls that load a model, of one client at once.
inline constexpr std::size_t kMaxClientLoads = 32;
/// A body or an answer without progress for so long makes room when places are short.
inline constexpr std::chrono::seconds kStall{2};

struct HttpServerOptions {
  std::vector<ListenAddress> listen;
  std::vector<std::string> allow_origins;              ///< As OriginRules says.
  std::vector<std::string> allow_hosts;                ///< Likewise; the machine's own names (MachineNames) always are.
  int socket_mode = 0660;                              ///< Permissions of Unix sockets.
  std::string socket_group;                            ///< Group of Unix sockets; empty: the process's.
  std::chrono::milliseconds socket_check_interval{0};  ///< How often Unix sockets are looked for; 0: never.
  /// Connections at once. Beyond them an idle or stalled one makes room, or one of the client that has most. Without
  /// any, the new connection is answered 503 and closed.
  std::size_t max_connections = 1024;
  std::size_t max_header_bytes = 16 << 10;
  std::size_t max_body_bytes = 32 << 20;             ///< Of one request; larger: 413 without reading it.
  std::size_t max_total_body_bytes = 256 << 20;      ///< Of all requests together; see BodyBudget.
  std::chrono::milliseconds body_wait{5000};         ///< How long a body waits for room for its next step, then 503.
  std::chrono::milliseconds header_timeout{10'000};  ///< From the first byte of a request to the end of its header.
  std::chrono::milliseconds body_timeout{30'000};    ///< How long a body may be too slow; see TransferDeadline.
  std::chrono::milliseconds idle_timeout{75'000};    ///< Of a kept connection between requests.
  std::chrono::milliseconds write_timeout{30'000};   ///< How long a client may read its answer too slowly.
  std::size_t min_rate = 1 << 10;  ///< Bytes a second; a body or an answer that is transferred at less is too slow.
  std::chrono::milliseconds request_timeout{30'000};  ///< From a whole request to the deadline of its call.
  std::vector<ClientRule> clients;                    ///< What clients are granted; the first that matches counts.
};

/// HTTP/1.1 with keep-alive on all addresses at once, on one I/O thread of its own.
///
/// The header is judged before the body (route, method, length); what a client sends wrong is answered and never
/// reaches a handler. A client that leaves while its call runs cancels the call. Thread-safe but for Bind and
/// Serve.
class HttpServer {
 public:
  /// `router` outlives the server; routes may be added until Serve.
  HttpServer(HttpServerOptions options, const Router& router);
  /// Stops at once: closes every connection and joins the thread.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and listens. A Unix socket whose owner is dead is replaced. The error names the address and says what to do
  /// (a port in use, no permission). Who connects now waits for Serve.
  absl::Status Bind();

  /// Begins to serve. REQUIRES: Bind succeeded.
  void Serve();

  /// The addresses in use, with the ports that were chosen: "127.0.0.1:5001", "unix:/run/accelerd.sock".
  std::vector<std::string> addresses() const;

  /// Accepts no connections any more. Kept connections close after their next answer. A request that has not arrived
  /// whole is answered 503.
  void StopAccepting();

  /// Completes when no request is being read, served or written; on the I/O thread. REQUIRES: StopAccepting was called.
  void NotifyIdle(Done<> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_SERVER_H_
