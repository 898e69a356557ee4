#include "base/nesting.h"

#include <string>

#include "base/parse_json.h"
#include "base/parse_toml.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

std::string Repeat(std::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) {
    repeated += text;
  }
  return repeated;
}

absl::Status Toml(const std::string& text) {
  return ParseToml(text, "net.toml").status();
}

/// A key of `parts` parts.
std::string Dotted(int parts) {
  return Repeat("a.", parts - 1) + "a";
}

// Each of these ends a process whose parser has no bound of its own.
TEST(Nesting, NoTomlDocumentExhaustsTheStack) {
  constexpr int kDeep = 100'000;
  for (const std::string& deep :
       {Dotted(kDeep) + " = 1", "[" + Dotted(kDeep) + "]\n", "[[" + Dotted(kDeep) + "]]\n",
        "x = {" + Dotted(kDeep) + " = 1}", "x = [{" + Dotted(kDeep) + " = 1}]", "x = " + Repeat("[", kDeep),
        "x = " + Repeat("{a=", kDeep), Repeat("\"a\".", kDeep) + "a = 1", Repeat("a . ", kDeep) + "a = 1",
        "x = " + Repeat("[{a.a=", kDeep)}) {
    const absl::Status status = Toml("# first\n" + deep);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << deep.substr(0, 20);
    EXPECT_THAT(Message(status), HasSubstr("net.toml:2: ")) << deep.substr(0, 20);
  }
}

TEST(Nesting, StringsAndCommentsHideNothing) {
  const std::string deep = Dotted(100'000) + " = 1";
  for (const std::string before :
       {"x = ''\n", "x = ''''''\n", "x = '''a'''\n", "x = \"\"\"\\\"\"\"\"\n", "x = 'a\\'\n", "# '\n", "# '''\n",
        "x = \"#\"\n", "x = ['''a'''', {", "x = ['''a''''', {", "x = [\"\"\"a\"\"\"\"\", {", "x = [\"\\\\\", {",
        "x = [\"\\\"\", {", "x = '''\n'' '\n'''\n", "x = \"\"\"\\\n  \"\"\"\n"}) {
    EXPECT_THAT(Message(Toml(before + deep)), HasSubstr("a key has more than 32 parts")) << before;
  }
}

TEST(Nesting, OrdinaryTomlPasses) {
  const std::string dots = Repeat(".", 100);
  for (const std::string& text :
       {std::string(), std::string("a = 1.5\nb = [1.5, 2.5]\n"), "# " + dots + "\nx = '" + dots + "'",
        "x = \"" + dots + "\"", "x = '''" + dots + "'''\n", "x = [" + Repeat("1.25, ", 1000) + "]",
        "x = [" + Repeat("1.25,\n", 1000) + "]", "x = " + Repeat("[", 32) + Repeat("]", 32), Dotted(32) + " = 1",
        "[" + Dotted(32) + "]\n" + Dotted(32) + " = 1", std::string("a.b = 2024-01-01T00:00:00.5Z\n")}) {
    EXPECT_TRUE(Toml(text).ok()) << text.substr(0, 40) << ": " << Toml(text);
  }
  EXPECT_THAT(Message(Toml("a = \nb = 1")), HasSubstr("net.toml:1:"));
}

TEST(Nesting, JsonIsBounded) {
  for (const char* open : {"[", "{\"a\":", "[{\"a\":"}) {
    const absl::Status status = ParseJson(Repeat(open, 100'000)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr("deeper than 32 levels"));
  }
  EXPECT_TRUE(ParseJson(Repeat("[", 32) + Repeat("]", 32)).ok());
  EXPECT_FALSE(ParseJson(Repeat("[", 33) + Repeat("]", 33)).ok());
  EXPECT_TRUE(ParseJson("[\"" + Repeat("[", 100) + "\\\"\\\\\"]").ok());
  EXPECT_FALSE(ParseJson("\"\\\"\"" + Repeat("[", 100)).ok());
  EXPECT_TRUE(ParseJson("[" + Repeat("[],", 1000) + "{}]").ok());
  EXPECT_THAT(Message(ParseJson("[1,").status()), HasSubstr("not JSON"));
}

}  // namespace
}  // namespace accelerd
