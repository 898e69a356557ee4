#ifndef ACCELERD_CONFIG_PARSE_ARGUMENTS_H_
#define ACCELERD_CONFIG_PARSE_ARGUMENTS_H_

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace CLI {
class App;
}

namespace accelerd {

enum class ParsedArguments { kRun, kHelp };

/// Returns the flag that an unknown flag ("--name") was probably meant to be, or nothing.
using FlagSuggestion = std::function<std::optional<std::string>(std::string_view flag)>;

/// Parses the arguments after `command` into the variables that `app` declares. Returns kHelp if the app's own help
/// flag is among them. Returns kInvalidArgument if a flag does not exist (the message contains the suggestion of
/// `suggest`), if a flag lacks its value, or if `command` does not take an argument.
absl::StatusOr<ParsedArguments> ParseArguments(CLI::App& app, std::string_view command,
                                               std::span<const std::string> args, const FlagSuggestion& suggest);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_PARSE_ARGUMENTS_H_
