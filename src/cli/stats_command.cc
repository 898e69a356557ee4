#include <thread>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/present_stats.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";

/// Asks once and prints. Returns the exit code.
int Show(const ClientArguments& arguments, ServiceClient& service, std::string_view before) {
  const auto body = service.Stats();
  if (!body.ok()) {
    return ReportFailure(arguments, "", body.status());
  }
  const auto stats = PresentStats(*body);
  if (!stats.ok()) {
    return ReportFailure(arguments, "", stats.status());
  }
  if (arguments.json) {
    WriteOutput(stats->json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } else {
    WriteOutput(before);
    WriteOutput(stats->text);
  }
  return FlushOutput(kExitOk);
}

}  // namespace

int RunStatsCommand(const ClientArguments& arguments, ServiceClient& service) {
  const bool terminal = IsTerminal();
  int exit_code = Show(arguments, service, arguments.watch && terminal ? kClearScreen : "");
  while (arguments.watch && exit_code == kExitOk) {
    std::this_thread::sleep_for(arguments.interval);
    exit_code = Show(arguments, service, terminal ? kClearScreen : "\n");
  }
  return exit_code;
}

}  // namespace accelerd
