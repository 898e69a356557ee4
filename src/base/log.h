#ifndef ACCELERD_BASE_LOG_H_
#define ACCELERD_BASE_LOG_H_

#include <string_view>

#include "base/status.h"

namespace accelerd {

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError };

/// "trace", "debug", "info", "warning" or "error"; anything else is kInvalidArgument.
absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name);

/// Lines below `level` are dropped. Default: kInfo. Thread-safe.
void SetLogLevel(LogLevel level);

/// Whether a line of `level` would be written: guards the building of expensive messages.
bool LogEnabled(LogLevel level);

/// Writes one line to standard error: time, level, component, message. What Printable escapes is escaped, in the
/// component as well, so that a client cannot forge lines. A message of more than 8 KiB is cut. Thread-safe.
///
/// A process that has called StartLogThread never waits here. Any other process waits for up to a second for a line
/// that cannot be written, and then goes on without it.
void Log(LogLevel level, std::string_view component, std::string_view message);

/// Lets a thread write the lines from now on, so that nobody waits for the reader of standard error. At most 1 MiB and
/// 4096 lines wait to be written. More lines are dropped; one line says how many. What waits when the process crashes
/// is still written if standard error takes it. Call it once, before other threads log.
void StartLogThread();

/// Waits until all lines are written, for at most a second.
void FlushLog();

/// Writes `line` in the order of the log's lines, but without time and level. What Printable escapes is escaped.
void PrintLine(std::string_view line);

inline void LogDebug(std::string_view component, std::string_view message) {
  Log(LogLevel::kDebug, component, message);
}
inline void LogInfo(std::string_view component, std::string_view message) {
  Log(LogLevel::kInfo, component, message);
}
inline void LogWarning(std::string_view component, std::string_view message) {
  Log(LogLevel::kWarning, component, message);
}
inline void LogError(std::string_view component, std::string_view message) {
  Log(LogLevel::kError, component, message);
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_LOG_H_
