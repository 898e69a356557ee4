#ifndef ACCELERD_APP_COMMANDS_H_
#define ACCELERD_APP_COMMANDS_H_

#include <string>
#include <vector>

namespace accelerd {

/// Runs `accelerd ARGUMENTS…` and returns the exit code of the process: 0, 1 when it failed, 2 for a usage error.
int RunCommand(const std::vector<std::string>& arguments);

}  // namespace accelerd

#endif  // ACCELERD_APP_COMMANDS_H_
