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

TEST(PrintableTest, EscapesWhatReordersOrHides) {
  EXPECT_EQ(Printable("a\u202eb\u2066c\u200fd"), "a\\u202eb\\u2066c\\u200fd");
  EXPECT_EQ(Printable("\u061c\u200b\u2060\ufeff\u00ad"), "\\u061c\\u200b\\u2060\\ufeff\\u00ad");
  EXPECT_EQ(Printable("one\u2028two\u2029"), "one\\u2028two\\u2029");
  EXPECT_EQ(Printable("\U000e0041\U0010ffff"), "\\U000e0041\\U0010ffff");
}

TEST(PrintableTest, EscapesWhatIsNotUtf8) {
  EXPECT_EQ(Printable("\x9b"
                      "31m\xc2"),
            "\\x9b31m\\xc2");
  EXPECT_EQ(Printable("\xff\x80\xc3("), "\\xff\\x80\\xc3(");
  // A newline and a slash that are encoded too long, a surrogate, a code point that is too large, and a cut one.
  EXPECT_EQ(Printable("\xc0\x8a"), "\\xc0\\x8a");
  EXPECT_EQ(Printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(Printable("\xe7\x8c"), "\\xe7\\x8c");
}

TEST(PrintableTest, LeavesTheRestAlone) {
  for (const char* text : {"", "plain text, \\n", "K\u00e4tzchen \u00a0 \u732b \U0001F408", "\ufffd \u2010\u2030",
                           "\u05e9\u05dc\u05d5\u05dd", "e\u0301\ufe0f"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

}  // namespace
}  // namespace accelerd
