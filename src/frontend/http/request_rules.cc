#include "frontend/http/request_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// RFC 9112, 3.2 and 6.1: what could be read in two ways is refused.
std::optional<HttpResponse> JudgeFraming(const RequestHead& head) {
  const std::size_t hosts = head.count("host");
  if (hosts > 1 || (hosts == 0 && head.version >= 11)) {
    return ErrorResponse(400, "an HTTP/1.1 request needs one Host header");
  }
  const std::string* encoding = head.find("transfer-encoding");
  if (encoding == nullptr) {
    return std::nullopt;
  }
  if (head.content_length) {
    return ErrorResponse(400, "Content-Length and Transfer-Encoding exclude each other");
  }
  if (head.version < 11) {
    return ErrorResponse(400, "HTTP/1.0 has no Transfer-Encoding");
  }
  if (head.count("transfer-encoding") > 1 || !absl::EqualsIgnoreCase(*encoding, "chunked")) {
    return ErrorResponse(501, "the only Transfer-Encoding spoken here is chunked");
  }
  return std::nullopt;
}

}  // namespace

Judgement JudgeRequest(const RequestHead& head, const Router& router, std::size_t max_body_bytes) {
  Judgement judgement;
  judgement.refusal = JudgeFraming(head);
  if (judgement.refusal) {
    return judgement;
  }
  judgement.keep = head.keep_alive && !head.has_body();
  judgement.match = router.Find(head.method, head.target);
  if (judgement.match.route == nullptr) {
    judgement.refusal = std::move(judgement.match.error);
    return judgement;
  }
  if (const std::string* expectation = head.find("expect"); expectation != nullptr && head.version >= 11) {
    if (!absl::EqualsIgnoreCase(*expectation, "100-continue")) {
      judgement.refusal = ErrorResponse(417, "the only expectation met here is 100-continue");
      return judgement;
    }
    judgement.wants_continue = head.has_body();
  }
  judgement.max_body_bytes = std::min(judgement.match.route->max_body_bytes, max_body_bytes);
  if (head.content_length.value_or(0) > judgement.max_body_bytes) {
    judgement.refusal = ErrorResponse(413, BodyTooLarge(judgement.max_body_bytes, judgement.match.route->size_advice));
  }
  return judgement;
}

}  // namespace accelerd
