#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <string>

#include "base/printable.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"trace", "debug", "info", "warning", "error"};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(static_cast<int>(level));
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto created = std::make_shared<spdlog::logger>("accelerd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    created->flush_on(spdlog::level::trace);
    return created;
  }();
  return *logger;
}

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames.at(i) == name) {
      return static_cast<LogLevel>(i);
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("log level \"{}\" is not one of trace, debug, info, warning, error", name));
}

void SetLogLevel(LogLevel level) {
  Logger().set_level(ToSpdlog(level));
}

bool LogEnabled(LogLevel level) {
  return Logger().should_log(ToSpdlog(level));
}

void Log(LogLevel level, std::string_view component, std::string_view message) {
  if (!LogEnabled(level)) {
    return;
  }
  Logger().log(ToSpdlog(level), spdlog::string_view_t("{}: {}"), component, Printable(message));
}

}  // namespace accelerd
