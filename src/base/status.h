#ifndef ACCELERD_BASE_STATUS_H_
#define ACCELERD_BASE_STATUS_H_

/// \file
/// Errors between layers are `absl::Status`; exceptions of libraries end at the boundary that calls them.
///
/// The code says who has to act, and maps to a protocol's status in one place of that protocol:
///   kInvalidArgument     the request is wrong
///   kNotFound            what it names does not exist
///   kPermissionDenied    it names something outside what is allowed
///   kAlreadyExists       it conflicts with what is there
///   kFailedPrecondition  it does not fit this model
///   kResourceExhausted   a bound of the service is reached; later it may succeed
///   kUnavailable         the device or the model cannot serve now; later it may
///   kDeadlineExceeded    the request's time was over first
///   kAborted             a newer request took its place
///   kCancelled           the caller left
///   kInternal            a defect of the service or the runtime

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace accelerd {

/// `status` with the advice to try again after `delay` (rounded up to whole milliseconds). An OK status is returned
/// unchanged.
absl::Status WithRetryAfter(absl::Status status, std::chrono::nanoseconds delay);

/// The advice that WithRetryAfter attached, if any.
std::optional<std::chrono::milliseconds> RetryAfter(const absl::Status& status);

/// `status` with one word for programs, such as "superseded", which a front end answers beside the message. An OK
/// status is returned unchanged.
absl::Status WithReason(absl::Status status, std::string_view reason);

/// The word that WithReason attached; empty: none.
std::string Reason(const absl::Status& status);

/// `status` marked as the refusal of a client that has its share already, while others could still be served. An OK
/// status is returned unchanged.
absl::Status WithClientLimit(absl::Status status);

/// Whether WithClientLimit marked it.
bool IsClientLimit(const absl::Status& status);

/// The message as a std::string_view, which Debian's absl::string_view is not. Valid as long as `status` is.
inline std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

/// `status` with `prefix` and ": " before its message; code and payloads stay.
absl::Status Annotate(const absl::Status& status, std::string_view prefix);

}  // namespace accelerd

/// Returns from the calling function when `expression` is not OK.
#define ACCELERD_RETURN_IF_ERROR(expression)                                  \
  do {                                                                        \
    if (absl::Status accelerd_status = (expression); !accelerd_status.ok()) { \
      return accelerd_status;                                                 \
    }                                                                         \
  } while (false)

#define ACCELERD_CONCAT_INNER(a, b) a##b
#define ACCELERD_CONCAT(a, b) ACCELERD_CONCAT_INNER(a, b)

/// `ACCELERD_ASSIGN_OR_RETURN(auto x, F());` assigns the value of a StatusOr, or returns its error.
// `target` may be a declaration and `temporary` is a name: neither takes parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ACCELERD_ASSIGN_OR_RETURN(target, expression) \
  ACCELERD_ASSIGN_OR_RETURN_INNER(ACCELERD_CONCAT(accelerd_or_, __LINE__), target, expression)
#define ACCELERD_ASSIGN_OR_RETURN_INNER(temporary, target, expression) \
  auto temporary = (expression);                                       \
  if (!temporary.ok()) {                                               \
    return std::move(temporary).status();                              \
  }                                                                    \
  target = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // ACCELERD_BASE_STATUS_H_
