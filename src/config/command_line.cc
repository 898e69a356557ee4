#include "config/command_line.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "CLI/CLI.hpp"
#include "config/option_table.h"
#include "config/parse_arguments.h"
#include "config/value_parsers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// Returns the flag of `serve` that the unknown `flag` was probably meant to be, with its value where that helps.
std::optional<std::string> SuggestFlag(std::string_view flag) {
  if (const OptionSynonym* synonym = FindSynonym(flag.substr(std::min(flag.find_first_not_of('-'), flag.size())))) {
    return fmt::format("--{} {}", synonym->option, synonym->value);
  }
  std::vector<std::string> known = {"--config", "--check-config", "--help"};
  for (const Option& option : OptionTable()) {
    known.push_back(fmt::format("--{}", option.name));
  }
  return ClosestName(flag, known);
}

/// Declares every row of the table, and collects what is given into `line`.
void DeclareFlags(CLI::App& app, CommandLine& line) {
  app.set_help_flag();
  app.add_flag("-h,--help", line.help);
  app.add_flag("--check-config", line.check_config);
  app.add_option("--config", line.config)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  for (const Option& option : OptionTable()) {
    const std::string name(option.name);
    const bool is_switch = std::holds_alternative<SwitchValue>(option.value);
    CLI::Option* flag = app.add_option("--" + name, [&line, name, is_switch](const CLI::results_t& texts) {
      line.values[name] = texts;
      if (is_switch && texts.back().empty()) {
        line.values[name] = {"true"};
      }
      return true;
    });
    // Each flag takes one value, or `--load a b` would swallow what follows.
    flag->type_size(1)->allow_extra_args(false)->multi_option_policy(IsList(option) ? CLI::MultiOptionPolicy::TakeAll
                                                                                    : CLI::MultiOptionPolicy::TakeLast);
    flag->type_name(std::string(option.placeholder));
    if (is_switch) {
      flag->expected(0, 1);
    }
  }
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> args) {
  CommandLine line;
  CLI::App app;
  DeclareFlags(app, line);
  ACCELERD_RETURN_IF_ERROR(ParseArguments(app, "serve", args, SuggestFlag).status());
  return line;
}

}  // namespace accelerd
