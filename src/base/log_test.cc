#include "base/log.h"

#include <string>

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

}  // namespace
}  // namespace accelerd
