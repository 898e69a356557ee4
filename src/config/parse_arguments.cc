#include "config/parse_arguments.h"

#include "CLI/CLI.hpp"
#include "config/value_parsers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

absl::Status UnexpectedArgument(std::string_view command, std::string_view argument,
                                const std::vector<std::string>& flags) {
  if (!argument.starts_with("-")) {
    return absl::InvalidArgumentError(fmt::format("{} does not take the argument \"{}\"", command, argument));
  }
  const std::string_view flag = argument.substr(0, argument.find('='));
  const auto closest = ClosestName(flag, flags);
  return absl::InvalidArgumentError(
      fmt::format("unknown flag {}{}", flag, closest ? fmt::format("; did you mean {}?", *closest) : std::string()));
}

/// `message` is the parser's own and begins with "FLAG:".
absl::Status MissingValue(std::string_view message) {
  return absl::InvalidArgumentError(fmt::format("{} needs a value", message.substr(0, message.find(':'))));
}

}  // namespace

absl::StatusOr<ParsedArguments> ParseArguments(CLI::App& app, std::string_view command,
                                               std::span<const std::string> args,
                                               const std::vector<std::string>& flags) {
  app.allow_extras();
  std::vector<std::string> reversed(args.rbegin(), args.rend());
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
    return UnexpectedArgument(command, extras.front(), flags);
  }
  return ParsedArguments::kRun;
}

}  // namespace accelerd
