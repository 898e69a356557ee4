#ifndef ACCELERD_FRONTEND_HTTP_REQUEST_RULES_H_
#define ACCELERD_FRONTEND_HTTP_REQUEST_RULES_H_

#include <cstddef>
#include <optional>

#include "frontend/http/request_parser.h"
#include "frontend/http/router.h"

namespace accelerd {

/// What is known of a request before its body is read.
struct Judgement {
  std::optional<HttpResponse> refusal;  ///< Set: the answer; of the rest only `keep` counts.
  bool keep = false;                    ///< Whether the connection can go on after a refusal.
  Router::Match match;
  std::size_t max_body_bytes = 0;
  bool wants_continue = false;  ///< The client waits for "100 Continue" before it sends the body.
};

/// Judges a header: framing and expectation by RFC 9112 and 9110, then the route, then the length of the body against
/// the smaller one of the route's limit and `max_body_bytes`.
Judgement JudgeRequest(const RequestHead& head, const Router& router, std::size_t max_body_bytes);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_REQUEST_RULES_H_
