#include "config/command_line.h"

#include <algorithm>
#include <string_view>

#include "CLI/CLI.hpp"
#include "config/argument_errors.h"
#include "config/option_table.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

std::vector<std::string> KnownFlags() {
  std::vector<std::string> known = {"--config", "--check-config", "--help"};
  for (const Option& option : OptionTable()) {
    known.push_back(fmt::format("--{}", option.name));
  }
  return known;
}

/// Declares every row of the table, and collects what is given into `line`.
void DeclareFlags(CLI::App& app, CommandLine& line) {
  app.set_help_flag();
  app.allow_extras();
  app.add_flag("-h,--help", line.help);
  app.add_flag("--check-config", line.check_config);
  app.add_option("--config", line.config)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  for (const Option& option : OptionTable()) {
    const std::string name(option.name);
    CLI::Option* flag = app.add_option("--" + name, [&line, name](const CLI::results_t& texts) {
      line.values[name] = texts;
      return true;
    });
    // Each flag takes one value, or `--load a b` would swallow what follows.
    flag->type_size(1)->allow_extra_args(false)->multi_option_policy(IsList(option) ? CLI::MultiOptionPolicy::TakeAll
                                                                                    : CLI::MultiOptionPolicy::TakeLast);
    flag->type_name(std::string(option.placeholder));
  }
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> args) {
  CommandLine line;
  CLI::App app;
  DeclareFlags(app, line);
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ArgumentMismatch& error) {
    return MissingValue(error.what());
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  std::vector<std::string> extras = app.remaining();
  std::erase(extras, "--");  // It only marks the end of the flags.
  if (!extras.empty()) {
    return UnexpectedArgument("serve", extras.front(), KnownFlags());
  }
  return line;
}

}  // namespace accelerd
