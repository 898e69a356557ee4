#include "frontend/http/call_conditions.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxNameBytes = 64;

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// The value of a header that may come once; null when it is absent.
absl::StatusOr<const std::string*> Single(const RequestHead& head, std::string_view name, std::string_view shown) {
  if (head.count(name) > 1) {
    return absl::InvalidArgumentError(fmt::format("{} is there twice: send it once", shown));
  }
  return head.find(name);
}

absl::Status NotAName(std::string_view shown) {
  return absl::InvalidArgumentError(
      fmt::format("{} must be 1 to {} printable characters of ASCII", shown, kMaxNameBytes));
}

absl::StatusOr<std::string> ReadName(const RequestHead& head, std::string_view name, std::string_view shown) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string* value, Single(head, name, shown));
  if (value == nullptr) {
    return "";
  }
  return IsName(*value) ? absl::StatusOr<std::string>(*value) : NotAName(shown);
}

absl::StatusOr<std::string> ReadStream(const RequestHead& head,
                                       const std::vector<std::pair<std::string, std::string>>& query) {
  ACCELERD_ASSIGN_OR_RETURN(std::string stream, ReadName(head, "x-stream", "X-Stream"));
  for (const auto& [name, value] : query) {
    if (name != "stream") {
      continue;
    }
    if (!IsName(value)) {
      return NotAName("'stream'");
    }
    if (!stream.empty() && value != stream) {
      return absl::InvalidArgumentError(
          fmt::format("the request names two streams, \"{}\" and \"{}\": leave one of them out", stream, value));
    }
    stream = value;
  }
  return stream;
}

absl::StatusOr<std::optional<std::chrono::milliseconds>> ReadTimeout(const RequestHead& head) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string* text, Single(head, "x-timeout-ms", "X-Timeout-Ms"));
  if (text == nullptr) {
    return std::nullopt;
  }
  std::int64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), milliseconds);
  if (error != std::errc() || end != text->data() + text->size() || milliseconds < 1) {
    return absl::InvalidArgumentError(
        fmt::format("X-Timeout-Ms is \"{}\"; it must be a whole number of milliseconds, 1 or more", *text));
  }
  return std::chrono::milliseconds(milliseconds);
}

absl::StatusOr<std::optional<PriorityClass>> ReadPriority(const RequestHead& head) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string* text, Single(head, "x-priority", "X-Priority"));
  if (text == nullptr) {
    return std::nullopt;
  }
  const auto priority = ParsePriorityClass(*text);
  if (!priority) {
    return absl::InvalidArgumentError(fmt::format("X-Priority is \"{}\"; it must be realtime, normal or batch", *text));
  }
  return priority;
}

}  // namespace

absl::StatusOr<CallConditions> ReadCallConditions(const RequestHead& head,
                                                  const std::vector<std::pair<std::string, std::string>>& query) {
  CallConditions conditions;
  ACCELERD_ASSIGN_OR_RETURN(conditions.priority, ReadPriority(head));
  ACCELERD_ASSIGN_OR_RETURN(conditions.timeout, ReadTimeout(head));
  ACCELERD_ASSIGN_OR_RETURN(conditions.stream, ReadStream(head, query));
  ACCELERD_ASSIGN_OR_RETURN(conditions.client_id, ReadName(head, "x-client-id", "X-Client-Id"));
  return conditions;
}

std::optional<PriorityClass> ParsePriorityClass(std::string_view text) {
  for (const PriorityClass priority : {PriorityClass::kRealtime, PriorityClass::kNormal, PriorityClass::kBatch}) {
    if (text == PriorityClassName(priority)) {
      return priority;
    }
  }
  return std::nullopt;
}

std::string_view PriorityClassName(PriorityClass priority) {
  switch (priority) {
    case PriorityClass::kRealtime:
      return "realtime";
    case PriorityClass::kNormal:
      return "normal";
    case PriorityClass::kBatch:
      return "batch";
  }
  return "";
}

}  // namespace accelerd
