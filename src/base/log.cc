#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <exception>
#include <memory>
#include <mutex>
#include <string>

#include "base/line_writer.h"
#include "base/printable.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"trace", "debug", "info", "warning", "error"};
constexpr char kPattern[] = "%Y-%m-%d %H:%M:%S.%e %l %v";

/// A longer message is cut: it may hold what a client has sent.
constexpr std::size_t kMaxMessageBytes = 8 << 10;

/// How long a reader that has stalled may hold up a process that logs without a thread of its own, for each line.
constexpr std::chrono::seconds kDirectBound{1};
constexpr std::chrono::seconds kFlushBound{1};

/// Null until StartLogThread. Never destroyed.
std::atomic<LineWriter*> log_thread = nullptr;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(static_cast<int>(level));
}

void WriteToStandardError(std::string line) {
  if (LineWriter* const thread = log_thread.load(std::memory_order_acquire); thread != nullptr) {
    thread->Write(std::move(line));
    return;
  }
  std::string_view rest = line;
  WriteText(STDERR_FILENO, rest, kDirectBound);
}

class StandardErrorSink : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    WriteToStandardError(std::string(line.data(), line.size()));
  }
  void flush_() override {}
};

spdlog::logger& Logger() {
  // Never destroyed: threads may log while the process ends.
  static spdlog::logger* const logger = [] {
    auto* const created = new spdlog::logger("accelerd", std::make_shared<StandardErrorSink>());
    created->set_pattern(kPattern);
    return created;
  }();
  return *logger;
}

/// Makes the line that says how many lines were dropped.
std::string DroppedNotice(std::uint64_t count, std::string_view why) {
  const std::string text = fmt::format("log: {} line{} dropped here: {}", count, count == 1 ? " was" : "s were", why);
  spdlog::memory_buf_t line;
  spdlog::pattern_formatter(kPattern).format(spdlog::details::log_msg("accelerd", spdlog::level::warn, text), line);
  return {line.data(), line.size()};
}

std::string OneLine(std::string_view component, std::string_view message) {
  const std::string_view kept = message.substr(0, kMaxMessageBytes);
  std::string line = Printable(fmt::format("{}: {}", component, kept));
  if (kept.size() < message.size()) {
    line += fmt::format(" … ({} more bytes)", message.size() - kept.size());
  }
  return line;
}

/// A handler of a fatal signal: lets the thread write what waits. Calls nothing that is not safe in a handler.
void WriteBeforeTheEnd(int number, siginfo_t* information, void* /*context*/) {
  constexpr timespec kMoment{.tv_sec = 0, .tv_nsec = 2'000'000};
  const LineWriter* const thread = log_thread.load(std::memory_order_acquire);
  for (int i = 0; i < 100 && thread->pending() > 0; ++i) {
    nanosleep(&kMoment, nullptr);
  }
  // The default action is back. A fault happens again on return; what was sent is sent again.
  if (information->si_code <= 0) {
    raise(number);
  }
}

void HandleFatalSignals() {
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    struct sigaction current{};
    // A handler of somebody else, such as a sanitizer's, stays.
    if (sigaction(number, nullptr, &current) != 0 || current.sa_handler != SIG_DFL) {
      continue;
    }
    struct sigaction ours{};
    ours.sa_sigaction = WriteBeforeTheEnd;
    ours.sa_flags = SA_SIGINFO | static_cast<int>(SA_RESETHAND);
    sigemptyset(&ours.sa_mask);
    sigaction(number, &ours, nullptr);
  }
}

/// For an exception that nobody caught.
[[noreturn]] void LogAndAbort() {
  std::string what = "no exception";
  try {
    if (const std::exception_ptr exception = std::current_exception(); exception != nullptr) {
      std::rethrow_exception(exception);
    }
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
    what = "an exception of an unknown type";
  }
  LogError("process", fmt::format("ends by a defect: {}", what));
  FlushLog();
  std::abort();
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
  if (LogEnabled(level)) {
    Logger().log(ToSpdlog(level), OneLine(component, message));
  }
}

void StartLogThread() {
  if (log_thread.load() != nullptr) {
    return;
  }
  LineWriter* const writer = LineWriter::Create(STDERR_FILENO, {.notice = DroppedNotice});
  if (writer == nullptr) {
    LogWarning("log",
               "no thread can be started for the log: a reader of standard error that stalls delays the service");
    return;
  }
  log_thread.store(writer);
  HandleFatalSignals();
  std::set_terminate(LogAndAbort);
}

void FlushLog() {
  if (LineWriter* const thread = log_thread.load(); thread != nullptr) {
    thread->Flush(kFlushBound);
  }
}

void PrintLine(std::string_view line) {
  WriteToStandardError(Printable(line.substr(0, kMaxMessageBytes)) + "\n");
}

}  // namespace accelerd
