#ifndef ACCELERD_BASE_PARSE_TOML_H_
#define ACCELERD_BASE_PARSE_TOML_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "toml++/toml.h"

namespace accelerd {

/// Parses the TOML document `text`, which was read from `path`. Every TOML file of this program is parsed here, because
/// the library alone crashes on a key of many parts (see nesting.h). kInvalidArgument with file, line and column: it is
/// not TOML, or it is nested too deeply.
absl::StatusOr<toml::table> ParseToml(std::string_view text, const std::string& path);

}  // namespace accelerd

#endif  // ACCELERD_BASE_PARSE_TOML_H_
