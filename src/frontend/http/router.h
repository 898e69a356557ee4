#ifndef ACCELERD_FRONTEND_HTTP_ROUTER_H_
#define ACCELERD_FRONTEND_HTTP_ROUTER_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/done.h"
#include "service/call_context.h"

namespace accelerd {

/// A request whose header and body arrived whole. The pieces are valid as long as `owner` is held.
struct HttpRequest {
  std::shared_ptr<const void> owner;
  std::vector<std::string> parameters;  ///< The decoded path segments that matched "{}" of the route, in order. They
                                        ///< may hold anything but NUL: '/', "..", 10 kB.
  std::vector<std::pair<std::string, std::string>> query;    ///< Decoded.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  std::span<const std::byte> body;

  /// The first value of a header (name in lower case) or query parameter; null when it is absent.
  const std::string* header(std::string_view name) const;
  const std::string* query_value(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string_view rest = {};                                ///< Of the body; valid as long as `memory` is held.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Further ones.
  std::shared_ptr<const void> memory;               ///< What a large body needs; let go of when it was written.
  std::shared_ptr<const std::atomic<bool>> wanted;  ///< Becomes true when another client needs the memory. Or null.

  std::size_t body_size() const { return body.size() + rest.size(); }
};

/// Takes the answer; on any thread, once: further calls do nothing. When every copy is destroyed without a call, the
/// client gets a 500.
using Responder = std::function<void(HttpResponse)>;

/// Serves one route. Called on the I/O thread: must not block. What it throws becomes a 500.
using HttpHandler =
    std::function<void(CallContext context, std::shared_ptr<const HttpRequest> request, Responder respond)>;

/// What kind of work a call is.
enum class CallKind {
  kOther,
  kHealth,     ///< It is answered also when there are too many connections.
  kLoad,       ///< It may wait for minutes, so the calls of one client at once are bounded.
  kScheduled,  ///< It becomes a job of the scheduler: an image is decoded, with or without an inference. The conditions
               ///< that the request names (call_conditions.h) apply.
};

/// Which handler serves a method and a path. Filled at start, then immutable and thread-safe.
class Router {
 public:
  struct Route {
    std::string method;
    std::string pattern;             ///< "/" or segments, each after a '/'; "{}" matches one segment.
    std::size_t max_body_bytes = 0;  ///< 0: a body is refused by 413; else the smaller of this and the server's limit.
    HttpHandler handler;
    CallKind kind = CallKind::kOther;
    std::string_view size_advice = {};  ///< What to do when a body is over `max_body_bytes`: a clause.
  };

  struct Match {
    const Route* route = nullptr;  ///< Null: see `error`.
    std::vector<std::string> parameters;
    std::vector<std::pair<std::string, std::string>> query;
    HttpResponse error;  ///< 204 (OPTIONS) or 405, both with Allow; 400 (malformed target), 404, or 501 (CONNECT).
  };

  void Add(Route route);

  /// Judges method and target ("/path?query" or "http://host/path?query") of a request line. HEAD matches GET routes.
  ///
  /// The path is split at '/' before its segments are decoded, and segments are compared whole: an escaped '/' or a
  /// ".." never leads to another route. Several slashes count as one, and slashes at the end do not count. The result
  /// is valid as long as the router is.
  Match Find(std::string_view method, std::string_view request_target) const;

 private:
  struct Entry {
    Route route;
    std::vector<std::string> segments;  ///< Of the pattern.
  };

  /// The answer to a target that is no path: that of CONNECT, "*", or none at all.
  std::optional<HttpResponse> JudgeForm(std::string_view method, std::string_view target) const;

  std::deque<Entry> entries_;
};

/// Decodes %XX strictly, and '+' to a space when `plus_is_space`. nullopt for a malformed escape or a NUL.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

/// `{"error": message}` with this status; with `"reason": reason` where there is one.
HttpResponse ErrorResponse(int status, std::string_view message, std::string_view reason = {});

/// Returns the message of a 413 for a body over `limit` bytes, with the route's advice.
std::string BodyTooLarge(std::size_t limit, std::string_view advice);

/// The one place where a status becomes HTTP: 429 for one with IsClientLimit, else by its code. kInvalidArgument,
/// kFailedPrecondition 400; kUnauthenticated 401; kPermissionDenied 403; kNotFound 404; kAlreadyExists, kAborted 409;
/// kOutOfRange 413; kResourceExhausted, kUnavailable, kDeadlineExceeded, kCancelled 503; kUnimplemented 501; else 500.
/// The body has the status's Reason. Retry-After, in seconds rounded up, at least 1: where the status has it, and
/// always with 429, kResourceExhausted and kUnavailable.
HttpResponse StatusResponse(const absl::Status& status);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_ROUTER_H_
