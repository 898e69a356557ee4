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

/// Writes one line to standard error: time, level, component, message. Control characters of `message` are escaped, so
/// that a client cannot forge lines. Thread-safe.
void Log(LogLevel level, std::string_view component, std::string_view message);

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
