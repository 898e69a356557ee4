#ifndef ACCELERD_CLI_CONSOLE_H_
#define ACCELERD_CLI_CONSOLE_H_

#include <string>
#include <string_view>

#include "base/status.h"

namespace accelerd {

/// Opens whichever of standard input, output and error is closed, so that no socket or file gets its number and then
/// the messages. To be called first of all.
void ReserveStandardDescriptors();

/// Writes "accelerd: MESSAGE" to standard error.
void PrintMessage(std::string_view message);

/// Reports a wrong command line of `accelerd COMMAND`, with a hint to its help; returns kExitUsage.
int UsageError(std::string_view command, std::string_view message);

/// Writes to standard output; FlushOutput tells whether that worked.
void WriteOutput(std::string_view text);

/// Returns true if standard output is a terminal.
bool IsTerminal();

/// Flushes standard output. Returns `exit_code`, or kExitFailed with a message when something could not be written. A
/// closed pipe is no reason for a message: the reader has seen enough.
int FlushOutput(int exit_code);

/// The bytes of `path`, or of standard input for "-". At most 2 GiB. The message is to follow
/// the path.
absl::StatusOr<std::string> ReadInput(const std::string& path);

/// Writes a file, or to standard output for "-". A file that cannot be written completely is an error.
absl::Status WriteFile(const std::string& path, std::string_view bytes);

}  // namespace accelerd

#endif  // ACCELERD_CLI_CONSOLE_H_
