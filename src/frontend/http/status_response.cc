#include <algorithm>
#include <chrono>

#include "fmt/core.h"
#include "frontend/http/router.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

int HttpStatus(absl::StatusCode code) {
  switch (code) {
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

HttpResponse ErrorResponse(int status, std::string_view message) {
  HttpResponse response;
  response.status = status;
  // What a client sent may stand in the message, and need not be UTF-8.
  response.body = nlohmann::json{{"error", message}}.dump(-1, ' ', /*ensure_ascii=*/false,
                                                          nlohmann::json::error_handler_t::replace);
  return response;
}

HttpResponse StatusResponse(const absl::Status& status) {
  HttpResponse response = ErrorResponse(HttpStatus(status.code()), Message(status));
  const auto delay = RetryAfter(status);
  if (delay || absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(delay.value_or(std::chrono::milliseconds(0)));
    response.headers.emplace_back("Retry-After", fmt::format("{}", std::max<std::int64_t>(seconds.count(), 1)));
  }
  return response;
}

}  // namespace accelerd
