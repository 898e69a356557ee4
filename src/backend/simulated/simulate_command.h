#ifndef ACCELERD_BACKEND_SIMULATED_SIMULATE_COMMAND_H_
#define ACCELERD_BACKEND_SIMULATED_SIMULATE_COMMAND_H_

#include <span>
#include <string>

namespace accelerd {

/// Runs `accelerd simulate ARGUMENTS…`, which shows and edits the state file of a simulated stick. Returns the exit
/// code of the process: 0, 1 when it failed, 2 for a usage error. docs/simulated-device.md has the commands.
int RunSimulateCommand(std::span<const std::string> args);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_SIMULATE_COMMAND_H_
