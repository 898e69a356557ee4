#include "model/yaml.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

TEST(YamlText, ReadsWhatExportersWrite) {
  const absl::StatusOr<Yaml> yaml = ParseYaml(R"(
description: Ultralytics model
imgsz:
- 32
- 64
names:
  0: red
  1: 'traffic light'
args: {nms: true, batch: 1}
empty:
)");
  ASSERT_TRUE(yaml.ok()) << yaml.status();
  EXPECT_EQ(yaml->Find("description")->scalar, "Ultralytics model");
  EXPECT_EQ(yaml->Find("imgsz")->ToText(), "[32, 64]");
  EXPECT_EQ(yaml->Find("names")->ToText(), "{0: red, 1: traffic light}");
  EXPECT_EQ(yaml->Find("args")->Find("nms")->scalar, "true");
  EXPECT_EQ(yaml->Find("empty")->scalar, "");
  EXPECT_EQ(yaml->Find("absent"), nullptr);
}

TEST(YamlText, ReadsPythonAndJson) {
  EXPECT_EQ(ParseYaml("{0: 'person', 1: \"driver's seat\"}")->Find("1")->scalar, "driver's seat");
  EXPECT_EQ(ParseYaml(R"({"a": [1, {"b": null}]})")->Find("a")->ToText(), "[1, {b: null}]");
}

TEST(YamlText, IsBounded) {
  for (const char* open : {"[", "{a: ", "- ", "? "}) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) {
      deep += open;
    }
    EXPECT_EQ(ParseYaml(deep).status().code(), absl::StatusCode::kInvalidArgument) << open;
  }
  std::string many = "[";
  for (int i = 0; i < 300'000; ++i) {
    many += "1,";
  }
  EXPECT_THAT(Message(ParseYaml(many + "]").status()), HasSubstr("more than 262144 values"));
  EXPECT_THAT(Message(ParseYaml("a: &x [1]\nb: *x").status()), HasSubstr("alias"));
  EXPECT_THAT(Message(ParseYaml("? [1]\n: 2").status()), HasSubstr("a key is not a plain text"));
  EXPECT_THAT(Message(ParseYaml("a: b\n\tc: [").status()), HasSubstr("line 2"));
  EXPECT_TRUE(ParseYaml("").ok());
}

}  // namespace
}  // namespace accelerd
