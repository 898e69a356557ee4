#include "config/value_parsers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseDuration, TakesUnitsAndPlainSeconds) {
  EXPECT_EQ(ParseDuration("200ms"), 200ms);
  EXPECT_EQ(ParseDuration("30s"), 30s);
  EXPECT_EQ(ParseDuration("30"), 30s);
  EXPECT_EQ(ParseDuration("1.5"), 1500ms);
  EXPECT_EQ(ParseDuration("1m"), 1min);
  EXPECT_EQ(ParseDuration("1000h"), 1000h);
  EXPECT_EQ(ParseDuration("0"), 0ms);
}

TEST(ParseDuration, RejectsWhatIsNone) {
  for (const char* text :
       {"", "s", "30 s", "30S", "-1s", "+1s", "1e3", "1001h", "3 0s", "1.2.3s", "nan", "inf", "0x1s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(FormatDuration, ReadsBack) {
  EXPECT_EQ(FormatDuration(0ms), "0s");
  EXPECT_EQ(FormatDuration(75s), "75s");
  EXPECT_EQ(FormatDuration(1500ms), "1500ms");
  EXPECT_EQ(FormatDuration(24h), "24h");
  for (const auto duration : {1ms, 999ms, 1000ms, 60'000ms, 61'000ms, 3'600'000ms}) {
    EXPECT_EQ(ParseDuration(FormatDuration(duration)), duration);
  }
}

TEST(ParseBytes, TakesUnitsAndPlainBytes) {
  EXPECT_EQ(ParseBytes("32MiB"), 32U << 20);
  EXPECT_EQ(ParseBytes("64kB"), 64'000U);
  EXPECT_EQ(ParseBytes("64KiB"), 65'536U);
  EXPECT_EQ(ParseBytes("5"), 5U);
  EXPECT_EQ(ParseBytes("5B"), 5U);
  EXPECT_EQ(ParseBytes("17179869183GiB"), 17179869183ULL << 30);
}

TEST(ParseBytes, RejectsWhatIsNone) {
  for (const char* text :
       {"", "MiB", "1.5MiB", "-1", "32mib", "32M", "32 MiB", "17179869184GiB", "99999999999999999999"}) {
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
  }
}

TEST(FormatBytes, TakesTheLargestExactUnit) {
  EXPECT_EQ(FormatBytes(0), "0B");
  EXPECT_EQ(FormatBytes(16 << 10), "16KiB");
  EXPECT_EQ(FormatBytes(64'000), "64kB");
  EXPECT_EQ(FormatBytes(1023), "1023B");
}

TEST(ParseFileMode, IsOctal) {
  EXPECT_EQ(ParseFileMode("0660"), 0660);
  EXPECT_EQ(ParseFileMode("660"), 0660);
  EXPECT_EQ(ParseFileMode("0o777"), 0777);
  EXPECT_EQ(FormatFileMode(0660), "0660");
  for (const char* text : {"", "0o", "888", "1000", "-1", "rw-"}) {
    EXPECT_EQ(ParseFileMode(text), std::nullopt) << text;
  }
}

TEST(ParsePath, MakesAbsolute) {
  EXPECT_EQ(ParsePath("models", "/srv"), "/srv/models");
  EXPECT_EQ(ParsePath("./a//b/./c/", "/srv"), "/srv/a/b/c");
  EXPECT_EQ(ParsePath("../x", "/srv/a"), "/srv/a/../x");
  EXPECT_EQ(ParsePath("/", "/srv"), "/");
  EXPECT_EQ(ParsePath(".", "/"), "/");
  EXPECT_EQ(ParsePath("", "/srv"), std::nullopt);
  EXPECT_EQ(ParsePath(std::string_view("a\0b", 3), "/srv"), std::nullopt);
}

TEST(ParseListenText, TakesHostsAndSockets) {
  EXPECT_EQ(ParseListenText("127.0.0.1:5001", "/"), "127.0.0.1:5001");
  EXPECT_EQ(ParseListenText("localhost:0", "/"), "localhost:0");
  EXPECT_EQ(ParseListenText("[::1]:65535", "/"), "[::1]:65535");
  EXPECT_EQ(ParseListenText("unix:run/a.sock", "/srv"), "unix:/srv/run/a.sock");
  EXPECT_EQ(ParseListenText("unix:/" + std::string(106, 'a'), "/"), "unix:/" + std::string(106, 'a'));
}

TEST(ParseListenText, RejectsWhatIsNone) {
  for (const char* text : {"", "5001", ":5001", "host", "host:", "host:65536", "host:-1", "host:1x", "::1:5001",
                           "[host]:1", "[]:1", "http://host:1", "unix:", "a b:1"}) {
    EXPECT_EQ(ParseListenText(text, "/"), std::nullopt) << text;
  }
  EXPECT_EQ(ParseListenText("unix:/" + std::string(107, 'a'), "/"), std::nullopt);
}

TEST(SplitList, SplitsAtCommas) {
  EXPECT_THAT(SplitList(""), IsEmpty());
  EXPECT_THAT(SplitList("a"), ElementsAre("a"));
  EXPECT_THAT(SplitList("a,,b,"), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(SplitList(" a b,\tc , "), ElementsAre("a b", "c", ""));
}

TEST(ClosestName, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> names = {"models", "load", "max-queue"};
  EXPECT_EQ(ClosestName("modles", names), "models");
  EXPECT_EQ(ClosestName("maxqueue", names), "max-queue");
  EXPECT_EQ(ClosestName("colour", names), std::nullopt);
}

}  // namespace
}  // namespace accelerd
