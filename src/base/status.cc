#include "base/status.h"

#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr char kRetryAfterUrl[] = "accelerd/retry-after-ms";
constexpr char kReasonUrl[] = "accelerd/reason";
constexpr char kClientLimitUrl[] = "accelerd/client-limit";

}  // namespace

absl::Status WithRetryAfter(absl::Status status, std::chrono::nanoseconds delay) {
  if (!status.ok()) {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(delay).count();
    status.SetPayload(kRetryAfterUrl, absl::Cord(std::to_string(milliseconds)));
  }
  return status;
}

std::optional<std::chrono::milliseconds> RetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterUrl);
  std::int64_t milliseconds = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(milliseconds);
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  status.SetPayload(kReasonUrl, absl::Cord(std::string(reason)));
  return status;
}

std::string Reason(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload ? std::string(*payload) : std::string();
}

absl::Status WithClientLimit(absl::Status status) {
  status.SetPayload(kClientLimitUrl, absl::Cord());
  return status;
}

bool IsClientLimit(const absl::Status& status) {
  return status.GetPayload(kClientLimitUrl).has_value();
}

absl::Status Annotate(const absl::Status& status, std::string_view prefix) {
  if (status.ok()) {
    return status;
  }
  absl::Status annotated(status.code(), fmt::format("{}: {}", prefix, Message(status)));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

}  // namespace accelerd
