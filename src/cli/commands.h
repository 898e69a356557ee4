#ifndef ACCELERD_CLI_COMMANDS_H_
#define ACCELERD_CLI_COMMANDS_H_

#include <string_view>

#include "cli/arguments.h"
#include "cli/service_client.h"

/// \file
/// What client commands do once their arguments are read. Each returns the exit code.

namespace accelerd {

/// list, load, unload and shape.
int RunModelCommand(const ClientArguments& arguments, ServiceClient& service);

/// infer, classify, detect and segment.
int RunTaskCommand(const ClientArguments& arguments, ServiceClient& service);

/// stats.
int RunStatsCommand(const ClientArguments& arguments, ServiceClient& service);

/// Reports that the call for `subject` (empty: none in particular) failed. Returns the exit code that this leads to.
int ReportFailure(const ClientArguments& arguments, std::string_view subject, const absl::Status& status);

}  // namespace accelerd

#endif  // ACCELERD_CLI_COMMANDS_H_
