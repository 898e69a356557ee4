#include "app/commands.h"

#include <cstdio>
#include <span>
#include <string_view>

#include "app/serve.h"
#include "app/version.h"
#include "backend/registry.h"
#include "cli/commands.h"
#include "config/documentation.h"
#include "config/serve_command.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;

std::string Help() {
  return fmt::format(
      "accelerd owns an AI accelerator and lets every process of a machine use it.\n\n"
      "Usage: accelerd COMMAND [ARGUMENTS]\n\n"
      "The service:\n"
      "  serve        run the service; see accelerd serve --help\n"
      "  devices      the devices that this machine has\n"
      "  version      versions of accelerd and its runtimes\n"
      "  options      the reference of all options of serve, as Markdown\n\n"
      "Clients of a running service:\n{}",
      ClientCommandsHelp());
}

int Serve(std::span<const std::string> arguments) {
  const absl::StatusOr<ServeCommand> command = ParseServeCommand(arguments, ProcessEnvironment());
  if (!command.ok()) {
    fmt::print(stderr, "accelerd: {}\nsee accelerd serve --help\n", Message(command.status()));
    return kUsageError;
  }
  for (const std::string& warning : command->warnings) {
    fmt::print(stderr, "accelerd: {}\n", warning);
  }
  if (command->action == ServeCommand::Action::kServe) {
    return RunService(command->options);
  }
  fmt::print("{}", command->text);
  return 0;
}

int Devices() {
  const absl::StatusOr<std::vector<DeviceDescription>> devices = ListDevices();
  if (!devices.ok()) {
    fmt::print(stderr, "accelerd: {}\n", Message(devices.status()));
    return kFailed;
  }
  for (const DeviceDescription& device : *devices) {
    fmt::print("{:<12} {}\n", device.name, device.full_name);
  }
  return 0;
}

int Version() {
  fmt::print("accelerd {}\n", kVersion);
  for (const std::string& runtime : RuntimeVersions()) {
    fmt::print("{}\n", runtime);
  }
  return 0;
}

}  // namespace

int RunCommand(const std::vector<std::string>& arguments) {
  const std::string_view command = arguments.empty() ? "" : std::string_view(arguments.front());
  const std::span<const std::string> rest = std::span(arguments).subspan(arguments.empty() ? 0 : 1);
  if (command == "serve") {
    return Serve(rest);
  }
  if (IsClientCommand(command)) {
    return RunClientCommand(std::string(command), rest);
  }
  if (command == "help" || command == "--help" || command == "-h") {
    fmt::print("{}", Help());
    return 0;
  }
  const bool alone = rest.empty();
  if ((command == "version" || command == "--version") && alone) {
    return Version();
  }
  if (command == "devices" && alone) {
    return Devices();
  }
  if (command == "options" && alone) {
    fmt::print("{}", ConfigurationMarkdown());
    return 0;
  }
  if (command.empty()) {
    fmt::print(stderr, "{}", Help());
  } else if (command == "version" || command == "devices" || command == "options") {
    fmt::print(stderr, "accelerd: {} takes no arguments\n", command);
  } else {
    fmt::print(stderr, "accelerd: there is no command \"{}\"; see accelerd --help\n", command);
  }
  return kUsageError;
}

}  // namespace accelerd
