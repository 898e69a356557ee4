#ifndef ACCELERD_CLI_COMMAND_TABLE_H_
#define ACCELERD_CLI_COMMAND_TABLE_H_

#include <span>
#include <string_view>

namespace accelerd {

/// What is told of a client command, and what its command line takes.
struct CommandDescription {
  enum class Operands { kNone, kModel, kModels, kModelAndFolder, kModelAndFiles };

  std::string_view name;
  Operands operands;
  std::string_view summary;
  std::string_view call;           ///< Tasks: the service's name of the task.
  std::string_view output_help{};  ///< Of -o; empty: the command does not have it.
};

std::span<const CommandDescription> CommandTable();

/// The command `name`, or null.
const CommandDescription* FindCommand(std::string_view name);

}  // namespace accelerd

#endif  // ACCELERD_CLI_COMMAND_TABLE_H_
