#include "config/parse_arguments.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "fmt/core.h"

namespace accelerd {
namespace {

absl::Status UnexpectedArgument(std::string_view command, std::string_view argument, const FlagSuggestion& suggest) {
  if (!argument.starts_with("-")) {
    return absl::InvalidArgumentError(fmt::format("{} does not take the argument \"{}\"", command, argument));
  }
  const std::string_view flag = argument.substr(0, argument.find('='));
  const auto closest = suggest(flag);
  return absl::InvalidArgumentError(
      fmt::format("unknown flag {}{}", flag, closest ? fmt::format("; did you mean {}?", *closest) : std::string()));
}

/// `message` is the parser's own and begins with "FLAG:".
absl::Status MissingValue(std::string_view message) {
  return absl::InvalidArgumentError(fmt::format("{} needs a value", message.substr(0, message.find(':'))));
}

/// Whether `name`, such as "--device" or "-o", is a flag that takes a value.
bool TakesValue(const CLI::App& app, std::string_view name) {
  const CLI::Option* flag = name.starts_with("-") ? app.get_option_no_throw(std::string(name)) : nullptr;
  return flag != nullptr && flag->get_items_expected_min() > 0;
}

/// The arguments with "--flag=" written as the flag and an empty argument: the parser would take the next one for its
/// value.
std::vector<std::string> SplitEmptyValues(const CLI::App& app, std::span<const std::string> args) {
  std::vector<std::string> split;
  bool is_value = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--" && !is_value) {
      split.insert(split.end(), args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
      break;
    }
    const std::string_view name = std::string_view(args[i]).substr(0, args[i].find('='));
    if (!is_value && args[i].starts_with("--") && name.size() + 1 == args[i].size() && TakesValue(app, name)) {
      split.insert(split.end(), {std::string(name), std::string()});
    } else {
      split.push_back(args[i]);
      is_value = !is_value && TakesValue(app, args[i]);
    }
  }
  return split;
}

}  // namespace

absl::StatusOr<ParsedArguments> ParseArguments(CLI::App& app, std::string_view command,
                                               std::span<const std::string> args, const FlagSuggestion& suggest) {
  app.allow_extras();
  std::vector<std::string> reversed = SplitEmptyValues(app, args);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return ParsedArguments::kHelp;
  } catch (const CLI::ArgumentMismatch& error) {
    return MissingValue(error.what());
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  std::vector<std::string> extras = app.remaining();
  std::erase(extras, "--");  // It only marks the end of the flags.
  if (!extras.empty()) {
    return UnexpectedArgument(command, extras.front(), suggest);
  }
  return ParsedArguments::kRun;
}

}  // namespace accelerd
