#ifndef ACCELERD_CONFIG_COMMAND_LINE_H_
#define ACCELERD_CONFIG_COMMAND_LINE_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// The flags of `accelerd serve` as texts.
struct CommandLine {
  bool help = false;
  bool check_config = false;
  std::string config;                                      ///< Empty: not given.
  std::map<std::string, std::vector<std::string>> values;  ///< By option name, in the order given.
};

/// Splits the arguments by the options table. kInvalidArgument: a flag that is not in it, with a suggestion; a flag
/// without its value; an argument that is no flag.
absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> args);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_COMMAND_LINE_H_
