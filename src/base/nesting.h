#ifndef ACCELERD_BASE_NESTING_H_
#define ACCELERD_BASE_NESTING_H_

#include <string_view>

#include "base/status.h"

namespace accelerd {

/// Depth to which documents of other people are read. The libraries that parse, copy and destroy documents call
/// themselves for every level, so that without a bound a small document exhausts the stack and ends the process.
inline constexpr int kMaxNesting = 32;

/// Checks in one pass that no part of the JSON document `text` is nested deeper than `max_depth` arrays and objects.
/// Says nothing else about it: text that is not JSON may pass. kInvalidArgument names the bound.
absl::Status CheckJsonNesting(std::string_view text, int max_depth = kMaxNesting);

/// Checks in one pass that no array or inline table of the TOML document `text` is nested deeper than kMaxNesting, and
/// that no dotted key or header has more than kMaxNesting parts. Says nothing else about it. kInvalidArgument begins
/// with the line: "7: …".
absl::Status CheckTomlNesting(std::string_view text);

}  // namespace accelerd

#endif  // ACCELERD_BASE_NESTING_H_
