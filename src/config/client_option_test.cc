#include "config/client_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace accelerd {
namespace {

using testing::HasSubstr;

TEST(ClientOptionTest, ReadsBackWhatItWrites) {
  for (const char* text : {"any", "unix trusted", "uid:0 weight=2 priority=realtime trusted", "user:alice weight=0.01",
                           "address:192.0.2.0/24 priority=batch", "address:2001:db8::/32 weight=100",
                           "id:camera-1 weight=0.5", "user:alice as-one", "any trusted as-one"}) {
    const auto option = ParseClientOption(text);
    ASSERT_TRUE(option) << text;
    EXPECT_EQ(FormatClientOption(*option), text);
  }
  EXPECT_EQ(FormatClientOption(*ParseClientOption(" uid:7  trusted priority=normal weight=1.0 ")), "uid:7 trusted");
}

TEST(ClientOptionTest, GrantsLittleByDefault) {
  const auto option = ParseClientOption("uid:1000");
  ASSERT_TRUE(option);
  EXPECT_EQ(option->uid, 1000);
  EXPECT_EQ(option->weight, 1);
  EXPECT_EQ(option->priority, "normal");
  EXPECT_FALSE(option->trusted);
  EXPECT_FALSE(option->as_one);
}

TEST(ClientOptionTest, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"",
                           " ",
                           "weight=2",
                           "uid:",
                           "uid:-1",
                           "uid:4294967296",
                           "uid:1000x",
                           "user:",
                           "address:",
                           "address:host",
                           "id:",
                           "group:video",
                           "unix:",
                           "any weight=0",
                           "any weight=0.009",
                           "any weight=101",
                           "any weight=nan",
                           "any weight=",
                           "any weight=1 weight=1",
                           "any priority=high",
                           "any priority=",
                           "any trusted trusted",
                           "any trusted=1",
                           "id:x trusted",
                           "id:x as-one",
                           "any as-one as-one",
                           "any as-one=1",
                           "any unix",
                           "any,unix",
                           "id:1234567890123456789012345678901234567890123456789012345678901234+"}) {
    EXPECT_FALSE(ParseClientOption(text)) << text;
  }
}

absl::Status Validate(const std::vector<std::string>& texts) {
  std::vector<ClientOption> options;
  for (const std::string& text : texts) {
    options.push_back(ParseClientOption(text).value());
  }
  return ValidateClientOptions(options);
}

TEST(ClientOptionTest, NamesWhatCanNeverMatch) {
  EXPECT_TRUE(Validate({}).ok());
  EXPECT_TRUE(Validate({"uid:0 trusted", "unix", "any weight=2", "id:x"}).ok());
  EXPECT_THAT(Message(Validate({"uid:0", "uid:0 weight=2"})), HasSubstr("uid:0 twice"));
  EXPECT_THAT(Message(Validate({"any", "unix"})), HasSubstr("unix after any"));
  EXPECT_THAT(Message(Validate({"unix", "id:x"})), HasSubstr("no client is trusted"));
}

}  // namespace
}  // namespace accelerd
