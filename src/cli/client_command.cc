#include "cli/client_command.h"

#include "cli/arguments.h"
#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/http_client.h"
#include "cli/service_client.h"
#include "config/environment.h"
#include "fmt/core.h"

namespace accelerd {

bool IsClientCommand(const std::string& command) {
  return FindCommand(command) != nullptr;
}

std::string ClientCommandsHelp() {
  std::string help;
  for (const CommandDescription& command : CommandTable()) {
    help += fmt::format("  {:<9} {}\n", command.name, command.summary);
  }
  return help;
}

int RunClientCommand(const std::string& command, std::span<const std::string> args) {
  ReserveStandardDescriptors();
  const auto arguments = ParseClientArguments(command, args, ProcessEnvironment());
  if (!arguments.ok()) {
    return UsageError(command, Message(arguments.status()));
  }
  if (!arguments->help.empty()) {
    WriteOutput(arguments->help);
    return FlushOutput(kExitOk);
  }
  auto http = HttpClient::Create(arguments->url, arguments->timeout);
  if (!http.ok()) {
    return UsageError(command, Message(http.status()));
  }
  ServiceClient service(*std::move(http));
  if (command == "stats") {
    return FlushOutput(RunStatsCommand(*arguments, service));
  }
  const bool task = !FindCommand(command)->call.empty();
  return FlushOutput(task ? RunTaskCommand(*arguments, service) : RunModelCommand(*arguments, service));
}

}  // namespace accelerd
