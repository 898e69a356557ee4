#ifndef ACCELERD_BASE_PARSE_JSON_H_
#define ACCELERD_BASE_PARSE_JSON_H_

#include <string_view>

#include "base/nesting.h"
#include "base/status.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {

/// Parses the JSON document `text`. Every document that another process or a file can have written is parsed here.
/// kInvalidArgument: it is not JSON, or it is nested deeper than `max_depth`, which bounds the recursion of whatever
/// copies, writes and destroys the value.
template <typename Json = nlohmann::json>
absl::StatusOr<Json> ParseJson(std::string_view text, int max_depth = kMaxNesting) {
  ACCELERD_RETURN_IF_ERROR(CheckJsonNesting(text, max_depth));
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("it is not JSON: {}", error.what()));
  }
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_PARSE_JSON_H_
