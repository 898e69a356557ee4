#ifndef ACCELERD_CONFIG_SERVE_COMMAND_H_
#define ACCELERD_CONFIG_SERVE_COMMAND_H_

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/environment.h"
#include "config/serve_options.h"

namespace accelerd {

/// What a command line of `accelerd serve` asks for.
struct ServeCommand {
  enum class Action {
    kServe,  ///< Run with `options`.
    kHelp,   ///< Print `text` and succeed.
    kCheck   ///< Print `text`, the effective configuration as TOML, and say whether `options` fit this machine.
  };
  Action action = Action::kServe;
  std::string text;
  ServeOptions options;               ///< Not filled for kHelp.
  std::vector<std::string> warnings;  ///< For people, on standard error.
};

/// Reads the arguments after `serve`, the variables ACCELERD_NAME and the file of --config or ACCELERD_CONFIG. Flags go
/// before variables, variables before the file, the file before defaults; a value that is not accepted is an error also
/// where another goes before it. An empty variable counts as not set. kInvalidArgument: a usage error; the message
/// names the flag, the variable, or the file with line and column.
absl::StatusOr<ServeCommand> ParseServeCommand(std::span<const std::string> args, const Environment& environment);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_SERVE_COMMAND_H_
