#ifndef ACCELERD_CONFIG_PARSE_ARGUMENTS_H_
#define ACCELERD_CONFIG_PARSE_ARGUMENTS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace CLI {
class App;
}

namespace accelerd {

enum class ParsedArguments { kRun, kHelp };

/// Parses what follows `command` into what `app` declares; kHelp when the app's own help flag was among it. For a flag
/// that does not exist the error suggests one of `flags` ("--name") if one is near.
absl::StatusOr<ParsedArguments> ParseArguments(CLI::App& app, std::string_view command,
                                               std::span<const std::string> args,
                                               const std::vector<std::string>& flags);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_PARSE_ARGUMENTS_H_
