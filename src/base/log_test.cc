#include "base/log.h"

#include <string>

#include "base/log_throttle.h"
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

}  // namespace
}  // namespace accelerd
