#include "model/model_card.h"

#include <filesystem>
#include <fstream>

#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_folder.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ModelCardTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "model_card_test.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, std::string_view text) { std::ofstream(directory_ + "/" + name) << text; }

  absl::StatusOr<ModelCard> Read(std::string_view toml) {
    Write("net.toml", toml);
    return ReadCard("net");
  }

  /// Reads the card of the model `name`, a path relative to the test's folder.
  absl::StatusOr<ModelCard> ReadCard(const std::string& name) {
    return ReadModelCard({.main = directory_ + "/" + name + ".onnx",
                          .format = ModelFormat::kOnnx,
                          .card = directory_ + "/" + name + ".toml"});
  }

  /// Expects an error at `place`, "line:column", that says `message`.
  void ExpectError(std::string_view toml, const std::string& place, const std::string& message) {
    const absl::Status status = Read(toml).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << toml;
    EXPECT_THAT(Message(status), HasSubstr("net.toml:" + place + ": ")) << toml;
    EXPECT_THAT(Message(status), HasSubstr(message)) << toml;
  }

  std::string directory_;
};

TEST_F(ModelCardTest, EveryKey) {
  Write("names.txt", "zero\none\n");
  const absl::StatusOr<ModelCard> card = Read(R"(
task = "segment"
layout = "NHWC"
input_size = [320, 240]
color_order = "rgb"
mean = [127, 127.5, 128]
scale = 128
labels = "names.txt"
output_scale = 0.5
softmax = false
sigmoid = true
output_layout = "nchw"
decoder = "boxes"
box_unit = "pixels"
precision = "bf16"
performance_hint = "latency"
slots = 3
)");
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(card->task, Task::kSegment);
  EXPECT_EQ(card->layout, "NHWC");
  EXPECT_EQ(card->sigmoid, true);
  EXPECT_EQ(card->output_layout, "NCHW");
  EXPECT_EQ(card->decoder, BoxDecoder::kBoxes);
  EXPECT_EQ(card->box_unit, BoxUnit::kPixels);
  EXPECT_THAT(*card->input_size, ElementsAre(320, 240));
  EXPECT_EQ(card->color_order, ColorOrder::kRgb);
  EXPECT_THAT(card->mean, ElementsAre(127, 127.5, 128));
  EXPECT_THAT(card->scale, ElementsAre(128));
  EXPECT_THAT(card->labels, ElementsAre("zero", "one"));
  EXPECT_EQ(card->output_scale, 0.5F);
  EXPECT_EQ(card->softmax, false);
  EXPECT_EQ(card->precision, Precision::kBf16);
  EXPECT_EQ(card->performance_hint, PerformanceHint::kLatency);
  EXPECT_EQ(card->slots, 3);
}

TEST_F(ModelCardTest, NamesAreOfAnyCase) {
  const absl::StatusOr<ModelCard> card = Read(R"(
task = "Segment"
layout = "nhwc"
color_order = "RGB"
precision = "BF16"
)");
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(card->task, Task::kSegment);
  EXPECT_EQ(card->layout, "NHWC");
  EXPECT_EQ(card->color_order, ColorOrder::kRgb);
  EXPECT_EQ(card->precision, Precision::kBf16);
}

TEST_F(ModelCardTest, AMissingCardIsAnEmptyOne) {
  const absl::StatusOr<ModelCard> card = ReadCard("absent");
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_FALSE(card->task);
  EXPECT_THAT(card->labels, IsEmpty());
}

TEST_F(ModelCardTest, ErrorsNameThePlace) {
  ExpectError("task = \"classify\"\nlabel = \"x\"\n", "2:1", "unknown key \"label\"");
  ExpectError("\n[task]\n", "2:1", "expected a string");
  ExpectError("mean = [1, 2\nscale = 1\n", "2:1", "array");
  ExpectError("mean = 1\nmean = 2\n", "2:8", "redefine");
}

TEST_F(ModelCardTest, RefusesWrongValues) {
  ExpectError("task = \"paint\"", "1:8", "\"paint\" is not one of \"inference\", \"classify\"");
  ExpectError("task = 3", "1:8", "expected a string");
  ExpectError("layout = \"HCW\"", "1:10", "NHWC");
  for (const char* size : {"[0, 5]", "[5]", "[1, 2, 3]", "[1.5, 2]", "[20000, 1]", "5"}) {
    ExpectError(fmt::format("input_size = {}", size), "1:14", "expected");
  }
  for (const char* mean : {"[]", "[1,2,3,4,5]", "inf", "nan", "1e300", "\"1\"", "[true]", "true"}) {
    ExpectError(fmt::format("mean = {}", mean), "1:8", "expected");
  }
  ExpectError("scale = [1, 0]", "1:9", "other than 0");
  ExpectError("output_scale = 0", "1:16", "above 0");
  ExpectError("output_scale = 1e38", "1:16", "up to 1000");
  ExpectError("softmax = 1", "1:11", "true or false");
  ExpectError("sigmoid = \"yes\"", "1:11", "true or false");
  ExpectError("output_layout = \"NHW\"", "1:17", "NHWC");
  ExpectError("decoder = \"yolo\"", "1:11", "\"ssd\", \"boxes\"");
  ExpectError("box_unit = \"percent\"", "1:12", "\"normalized\", \"pixels\"");
  ExpectError("precision = \"int8\"", "1:13", "bf16");
  ExpectError("performance_hint = \"fast\"", "1:20", "latency");
  ExpectError("slots = 0", "1:9", "1 to 64");
  ExpectError("slots = 65", "1:9", "1 to 64");
}

TEST_F(ModelCardTest, LabelsLieBesideTheModel) {
  ExpectError("labels = \"../names.txt\"", "1:10", "without \"..\"");
  ExpectError("labels = \"a/../../names.txt\"", "1:10", "without \"..\"");
  ExpectError("labels = \"/etc/passwd\"", "1:10", "relative");
  ExpectError("labels = \"absent.txt\"", "1:10", "absent.txt");
  ExpectError("labels = 7", "1:10", "name of a file");
  Write("broken.txt", "\xff\n");
  ExpectError("labels = \"broken.txt\"", "1:10", "line 1 is not UTF-8");
}

TEST_F(ModelCardTest, LinksStayInTheFolder) {
  std::filesystem::create_directory(directory_ + "/models");
  Write("secret.txt", "secret\n");
  Write("models/names.txt", "zero\n");
  std::filesystem::create_symlink("names.txt", directory_ + "/models/inner.txt");
  std::filesystem::create_symlink("../secret.txt", directory_ + "/models/outer.txt");
  Write("models/net.toml", "labels = \"inner.txt\"");
  EXPECT_THAT(ReadCard("models/net")->labels, ElementsAre("zero"));
  Write("models/net.toml", "labels = \"outer.txt\"");
  EXPECT_THAT(Message(ReadCard("models/net").status()), HasSubstr("out of its folder"));

  Write("elsewhere.toml", "softmax = true");
  std::filesystem::create_symlink("../elsewhere.toml", directory_ + "/models/link.toml");
  EXPECT_EQ(ReadCard("models/link").status().code(), absl::StatusCode::kPermissionDenied);
}

// A package manager or a deployment lays models out like this: every file is a link into one store.
TEST_F(ModelCardTest, ASetOfLinksIntoOneFolderIsRead) {
  std::filesystem::create_directory(directory_ + "/models");
  std::filesystem::create_directory(directory_ + "/store");
  std::filesystem::create_directory(directory_ + "/other");
  Write("store/net.onnx", "x");
  Write("store/net.toml", "labels = \"net.txt\"");
  Write("store/net.txt", "zero\n");
  for (const char* name : {"net.onnx", "net.toml", "net.txt"}) {
    std::filesystem::create_symlink(std::string("../store/") + name, directory_ + "/models/" + name);
  }
  EXPECT_THAT(ReadCard("models/net")->labels, ElementsAre("zero"));

  // A link into a third folder is refused, as is any link when the main file is none.
  Write("other/net.txt", "secret\n");
  std::filesystem::remove(directory_ + "/models/net.txt");
  std::filesystem::create_symlink("../other/net.txt", directory_ + "/models/net.txt");
  EXPECT_THAT(Message(ReadCard("models/net").status()), HasSubstr("net.txt leads out of its folder"));
  std::filesystem::remove(directory_ + "/models/net.onnx");
  Write("models/net.onnx", "x");
  EXPECT_EQ(ReadCard("models/net").status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(ModelCardTest, AConfinedSetOfLinksStaysBeneathItsRoot) {
  std::filesystem::create_directories(directory_ + "/root/models");
  std::filesystem::create_directories(directory_ + "/root/store");
  std::filesystem::create_directory(directory_ + "/outside");
  const std::string root = std::filesystem::canonical(directory_ + "/root");
  const ModelFiles files = {
      .main = root + "/models/net.onnx", .format = ModelFormat::kOnnx, .card = root + "/models/net.toml", .root = root};
  for (const std::string store : {"store", "../outside"}) {
    Write("root/" + store + "/net.onnx", "x");
    Write("root/" + store + "/net.toml", "softmax = true");
    for (const char* name : {"net.onnx", "net.toml"}) {
      std::filesystem::remove(root + "/models/" + name);
      std::filesystem::create_symlink("../" + store + "/" + name, root + "/models/" + name);
    }
    const absl::StatusOr<ModelCard> card = ReadModelCard(files);
    EXPECT_EQ(card.ok(), store == "store") << card.status();
  }
}

TEST_F(ModelCardTest, AGitLfsPointerIsNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n";
  Write("names.txt", pointer);
  ExpectError("labels = \"names.txt\"", "1:10", "names.txt is a Git LFS pointer");
  EXPECT_THAT(Message(Read(pointer).status()), HasSubstr("net.toml is a Git LFS pointer"));
}

TEST(ModelCardText, IsNeverNestedSoDeeplyThatTheProcessDies) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) {
    key += ".a";
  }
  const absl::Status status = ParseModelCard(key + " = 1", "net.toml", ModelFolder()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("net.toml:1: a key has more than"));
}

TEST(ModelCardNames, GoBothWays) {
  for (const Task task : {Task::kInference, Task::kClassify, Task::kDetect, Task::kSegment}) {
    EXPECT_EQ(*ParseTask(TaskName(task)), task);
  }
  for (const Precision precision : {Precision::kDefault, Precision::kF32, Precision::kF16, Precision::kBf16}) {
    EXPECT_EQ(*ParsePrecision(PrecisionName(precision)), precision);
  }
  EXPECT_FALSE(ParseTask("").ok());
  EXPECT_FALSE(ParsePrecision("F32").ok());
}

}  // namespace
}  // namespace accelerd
