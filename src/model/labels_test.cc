#include "model/labels.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Labels, OneLineIsOneLabel) {
  EXPECT_THAT(*ParseLabels("cat\ndog"), ElementsAre("cat", "dog"));
  EXPECT_THAT(*ParseLabels("cat\r\ndog\r\n"), ElementsAre("cat", "dog"));
  EXPECT_THAT(*ParseLabels("a\n\nc\n\n\n"), ElementsAre("a", "", "c"));
  EXPECT_THAT(*ParseLabels(""), IsEmpty());
}

TEST(Labels, AreUtf8) {
  EXPECT_THAT(*ParseLabels("Kätzchen\n猫\n\U0001F408"), ElementsAre("Kätzchen", "猫", "\U0001F408"));
  for (const char* malformed : {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe4\xb8z"}) {
    const absl::Status status = ParseLabels(std::string("fine\n") + malformed).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr("line 2"));
  }
}

}  // namespace
}  // namespace accelerd
