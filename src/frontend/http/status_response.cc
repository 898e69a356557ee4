#include <algorithm>
#include <chrono>

#include "fmt/core.h"
#include "frontend/http/router.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

int HttpStatus(const absl::Status& status) {
  if (IsClientLimit(status)) {
    return 429;
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kOutOfRange:
      return 413;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

HttpResponse ErrorResponse(int status, std::string_view message, std::string_view reason) {
  HttpResponse response;
  response.status = status;
  nlohmann::json body{{"error", message}};
  if (!reason.empty()) {
    body["reason"] = reason;
  }
  // What a client sent may stand in the message, and need not be UTF-8.
  response.body = body.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
  return response;
}

std::string BodyTooLarge(std::size_t limit, std::string_view advice) {
  return limit == 0 ? "this call takes no body"
                    : fmt::format("the body is over the limit of {} bytes for this call{}{}", limit,
                                  advice.empty() ? "" : "; ", advice);
}

HttpResponse StatusResponse(const absl::Status& status) {
  HttpResponse response = ErrorResponse(HttpStatus(status), Message(status), Reason(status));
  const auto delay = RetryAfter(status);
  if (delay || IsClientLimit(status) || absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(delay.value_or(std::chrono::milliseconds(0)));
    response.headers.emplace_back("Retry-After", fmt::format("{}", std::max<std::int64_t>(seconds.count(), 1)));
  }
  return response;
}

}  // namespace accelerd
