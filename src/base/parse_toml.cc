#include "base/parse_toml.h"

#include "base/nesting.h"
#include "fmt/core.h"

namespace accelerd {

absl::StatusOr<toml::table> ParseToml(std::string_view text, const std::string& path) {
  if (const absl::Status nesting = CheckTomlNesting(text); !nesting.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}:{}", path, Message(nesting)));
  }
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    const toml::source_position& begin = error.source().begin;
    return absl::InvalidArgumentError(fmt::format("{}:{}:{}: {}", path, begin.line, begin.column, error.description()));
  }
}

}  // namespace accelerd
