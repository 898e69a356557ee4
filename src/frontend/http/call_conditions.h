#ifndef ACCELERD_FRONTEND_HTTP_CALL_CONDITIONS_H_
#define ACCELERD_FRONTEND_HTTP_CALL_CONDITIONS_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "frontend/http/request_parser.h"
#include "service/call_context.h"

namespace accelerd {

/// Under which conditions a request wants to be served, by its own words.
struct CallConditions {
  std::optional<PriorityClass> priority;             ///< X-Priority: realtime, normal or batch.
  std::optional<std::chrono::milliseconds> timeout;  ///< X-Timeout-Ms: 1 or more.
  std::string stream;     ///< X-Stream, or `?stream=`; 1 to 64 printable characters of ASCII. Empty: none.
  std::string client_id;  ///< X-Client-Id, the same.
};

/// Reads them; kInvalidArgument says which one is wrong. A header that comes twice is, and so are two different names
/// of streams.
absl::StatusOr<CallConditions> ReadCallConditions(const RequestHead& head,
                                                  const std::vector<std::pair<std::string, std::string>>& query);

/// "realtime", "normal" or "batch"; nullopt for anything else.
std::optional<PriorityClass> ParsePriorityClass(std::string_view text);
std::string_view PriorityClassName(PriorityClass priority);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_CALL_CONDITIONS_H_
