#include "base/log.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/log_throttle.h"
#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(LogTest, EscapesWhatWouldForgeALine) {
  ::testing::internal::CaptureStderr();
  LogInfo("test", "one\ninfo forged: line\b\x7f");
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(output, HasSubstr("info test: one\\x0ainfo forged: line\\x08\\x7f"));
}

TEST(LogTest, EscapesTheComponentToo) {
  ::testing::internal::CaptureStderr();
  LogInfo("te\x9bst\n", "a\u202eb");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("info te\\x9bst\\x0a: a\\u202eb\n"));
}

TEST(LogTest, CutsALongMessage) {
  ::testing::internal::CaptureStderr();
  LogInfo("test", std::string(1 << 20, 'x'));
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_LT(output.size(), 10'000U);
  EXPECT_THAT(output, HasSubstr("x … (1040384 more bytes)\n"));
}

/// In a process of its own: there is one thread for the log in a process.
int DieLogging(void (*die)()) {
  StartLogThread();
  for (int i = 0; i < 100; ++i) {
    LogInfo("test", fmt::format("line {}", i));
  }
  die();
  return 0;
}

TEST(LogThreadTest, WhatWaitsIsWrittenBeforeACrash) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(DieLogging([] { std::abort(); }), "line 99\n");
  EXPECT_DEATH(DieLogging([] { raise(SIGSEGV); }), "line 99\n");
  EXPECT_DEATH(DieLogging([] { std::thread([] { throw std::runtime_error("the reason"); }).join(); }),
               "line 99\n.*ends by a defect: the reason");
  EXPECT_EXIT(DieLogging([] {
                FlushLog();
                _exit(7);
              }),
              ::testing::ExitedWithCode(7), "line 99\n");
}

TEST(LogTest, DropsWhatIsBelowTheLevel) {
  ::testing::internal::CaptureStderr();
  SetLogLevel(LogLevel::kWarning);
  LogInfo("test", "hidden");
  LogWarning("test", "shown");
  SetLogLevel(LogLevel::kInfo);
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(output, Not(HasSubstr("hidden")));
  EXPECT_THAT(output, HasSubstr("shown"));
}

TEST(LogTest, ParsesLevels) {
  EXPECT_EQ(ParseLogLevel("warning").value(), LogLevel::kWarning);
  EXPECT_FALSE(ParseLogLevel("loud").ok());
}

TEST(LogThrottle, OneLineAnIntervalAndTheCountOfTheOthers) {
  using std::chrono_literals::operator""ms;
  LogThrottle throttle(1000ms);
  const Time start{};
  EXPECT_EQ(throttle.Admit("full", start), "full");
  EXPECT_EQ(throttle.Admit("full", start), std::nullopt);
  EXPECT_EQ(throttle.Admit("full", start + 999ms), std::nullopt);
  EXPECT_EQ(throttle.Admit("full", start + 1000ms), "full (2 more since the last such line)");
  EXPECT_EQ(throttle.Admit("full", start + 2000ms), "full");
}

TEST(RepeatThrottle, TheSameProblemOnceAnInterval) {
  using std::chrono_literals::operator""s;
  RepeatThrottle throttle(60s);
  const Time start{};
  EXPECT_EQ(throttle.Admit("process 12 is busy", start), "process 12 is busy");
  EXPECT_EQ(throttle.Admit("process 345 is busy", start + 59s), std::nullopt);
  EXPECT_EQ(throttle.Admit("process 6 is busy", start + 60s), "process 6 is busy (1 more since the last such line)");
  EXPECT_EQ(throttle.Admit("process 7 is gone", start + 61s), "process 7 is gone");
  EXPECT_EQ(throttle.Admit("process 7 is gone", start + 62s), std::nullopt);
  throttle.Clear();
  EXPECT_EQ(throttle.Admit("process 7 is gone", start + 63s), "process 7 is gone");
}

}  // namespace
}  // namespace accelerd
