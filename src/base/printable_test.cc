#include "base/printable.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(PrintableTest, EscapesControlCharacters) {
  EXPECT_EQ(Printable("a\x1b[2J\tb"), "a\\x1b[2J\\x09b");
  EXPECT_EQ(Printable(std::string_view("\0\b\x0b\x7f", 4)), "\\x00\\x08\\x0b\\x7f");
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "2J\xc2\x85"),
            "a\\u009b2J\\u0085");
}

TEST(PrintableTest, LeavesTheRestAlone) {
  for (const char* text : {"", "plain text, \\n", "K\u00e4tzchen \u00a0 \u732b \U0001F408", "\xc2", "\xff\x80"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

}  // namespace
}  // namespace accelerd
