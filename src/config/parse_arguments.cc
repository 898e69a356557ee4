#include "config/argument_errors.h"

#include "config/value_parsers.h"
#include "fmt/core.h"

namespace accelerd {

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

absl::Status MissingValue(std::string_view message) {
  return absl::InvalidArgumentError(fmt::format("{} needs a value", message.substr(0, message.find(':'))));
}

}  // namespace accelerd
