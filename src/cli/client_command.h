#ifndef ACCELERD_CLI_CLIENT_COMMAND_H_
#define ACCELERD_CLI_CLIENT_COMMAND_H_

#include <span>
#include <string>

namespace accelerd {

/// Whether `command` talks to a running service: list, load, unload, shape, stats, infer, classify,
/// detect or segment.
bool IsClientCommand(const std::string& command);

/// One line of help for each client command, indented by two spaces.
std::string ClientCommandsHelp();

/// Runs `accelerd COMMAND ARGS…`: results on standard output, messages on standard error. Returns the exit code: 0; 1
/// when a request failed; 2 for a wrong command line; 3 when the service cannot be reached. REQUIRES:
/// IsClientCommand(command).
int RunClientCommand(const std::string& command, std::span<const std::string> args);

}  // namespace accelerd

#endif  // ACCELERD_CLI_CLIENT_COMMAND_H_
