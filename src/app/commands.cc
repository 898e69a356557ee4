#include "app/commands.h"

#include <map>
#include <span>
#include <string_view>

#include "app/serve.h"
#include "app/startup_check.h"
#include "app/version.h"
#include "backend/isolated/worker.h"
#include "backend/registry.h"
#include "backend/simulated/simulate_command.h"
#include "cli/client_command.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "config/documentation.h"
#include "config/serve_command.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

std::string Help() {
  return fmt::format(
      "accelerd owns an AI accelerator and lets every process of a machine use it.\n\n"
      "Usage: accelerd COMMAND [ARGUMENTS]\n\n"
      "The service:\n"
      "  serve        run the service; see accelerd serve --help\n"
      "  devices      the devices that this machine has\n"
      "  simulate     changes a simulated device, --device SIMULATED:FILE\n"
      "  version      versions of accelerd and its runtimes\n"
      "  options      the reference of all options of serve, as Markdown\n\n"
      "Clients of a running service:\n{}",
      ClientCommandsHelp());
}

int Print(std::string_view text) {
  WriteOutput(text);
  return FlushOutput(kExitOk);
}

/// Shows the effective configuration, and what of it does not fit this machine.
int CheckConfig(const ServeCommand& command) {
  const std::vector<std::string> problems = StartupProblems(command.options);
  const int printed = Print(command.text);
  for (const std::string& note : StartupNotes(command.options)) {
    PrintMessage(note);
  }
  for (const std::string& problem : problems) {
    PrintMessage(problem);
  }
  return problems.empty() ? printed : kExitFailed;
}

int Serve(std::span<const std::string> arguments) {
  const absl::StatusOr<ServeCommand> command = ParseServeCommand(arguments, ProcessEnvironment());
  if (!command.ok()) {
    return UsageError("serve", Message(command.status()));
  }
  for (const std::string& warning : command->warnings) {
    PrintMessage(warning);
  }
  switch (command->action) {
    case ServeCommand::Action::kServe:
      // Another program has device names of its own.
      if (const absl::Status device = CheckDeviceName(command->options.device);
          !device.ok() && command->options.worker_command.empty()) {
        return UsageError("serve", fmt::format("device: {}", Message(device)));
      }
      return RunService(command->options);
    case ServeCommand::Action::kHelp:
      return Print(command->text);
    case ServeCommand::Action::kCheck:
      return CheckConfig(*command);
  }
  return kExitFailed;
}

int Devices() {
  const absl::StatusOr<std::vector<DeviceDescription>> devices = ListDevices();
  if (!devices.ok()) {
    PrintMessage(Message(devices.status()));
    return kExitFailed;
  }
  std::string text;
  for (const DeviceDescription& device : *devices) {
    text += fmt::format("{:<12} {}\n", device.name, device.full_name);
  }
  return Print(text);
}

int Version() {
  std::string text = fmt::format("accelerd {}\n", kVersion);
  for (const std::string& runtime : RuntimeVersions()) {
    text += runtime + "\n";
  }
  return Print(text);
}

int Options() {
  return Print(ConfigurationMarkdown());
}

int PrintHelp() {
  return Print(Help());
}

/// Commands that take no arguments.
const std::map<std::string, int (*)(), std::less<>>& PlainCommands() {
  static const std::map<std::string, int (*)(), std::less<>> commands = {
      {"devices", Devices}, {"options", Options},  {"version", Version}, {"--version", Version},
      {"help", PrintHelp},  {"--help", PrintHelp}, {"-h", PrintHelp}};
  return commands;
}

}  // namespace

int RunCommand(const std::vector<std::string>& arguments) {
  ReserveStandardDescriptors();
  if (arguments.empty()) {
    PrintMessage("a command is missing\n" + Help());
    return kExitUsage;
  }
  const std::string& command = arguments.front();
  const std::span<const std::string> rest = std::span(arguments).subspan(1);
  if (command == "serve") {
    return Serve(rest);
  }
  if (command == "worker") {  // Not for people, and not in the help.
    return RunWorker(rest, {CreateBackend, RuntimeVersions});
  }
  if (command == "simulate") {
    return RunSimulateCommand(rest);
  }
  if (IsClientCommand(command)) {
    return RunClientCommand(command, rest);
  }
  const auto plain = PlainCommands().find(command);
  if (plain == PlainCommands().end()) {
    PrintMessage(fmt::format("there is no command \"{}\"; see accelerd --help", command));
    return kExitUsage;
  }
  if (!rest.empty()) {
    PrintMessage(fmt::format("{} takes no arguments", command));
    return kExitUsage;
  }
  return plain->second();
}

}  // namespace accelerd
