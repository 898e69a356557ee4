#include "backend/isolated/messages.h"

#include <cstring>

#include "backend/isolated/model_json.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StartMessage TestStart() {
  return {7, {{ElementType::kF32, {1, 3}, 5, 64, 12}, {ElementType::kU8, {}, 6, 0, 1}}, {{}}};
}

DoneMessage TestDone() {
  DoneMessage done{.status = absl::OkStatus(), .device_time = std::chrono::nanoseconds(1234), .checksum = 0xFEDCBA98};
  done.made = {*Tensor::Allocate(ElementType::kU8, {3}), *Tensor::Allocate(ElementType::kI64, {2, 1})};
  done.made[0].bytes()[2] = std::byte{9};
  done.made[1].elements<std::int64_t>()[1] = -5;
  return done;
}

TEST(StartMessageTest, SurvivesTheWay) {
  const StartMessage start = DecodeStart(EncodeStart(TestStart())).value();
  EXPECT_EQ(start.model, 7U);
  ASSERT_EQ(start.inputs.size(), 2U);
  EXPECT_EQ(start.inputs[0].element_type, ElementType::kF32);
  EXPECT_THAT(start.inputs[0].shape, ElementsAre(1, 3));
  EXPECT_EQ(start.inputs[0].region, 5U);
  EXPECT_EQ(start.inputs[0].offset, 64U);
  EXPECT_EQ(start.inputs[0].bytes, 12U);
  ASSERT_EQ(start.outputs.size(), 1U);
  EXPECT_EQ(start.outputs[0].region, 0U);
}

TEST(StartMessageTest, RefusesWhatMakesNoSense) {
  const std::string body = EncodeStart(TestStart());
  for (std::size_t bytes = 0; bytes < body.size(); ++bytes) {
    EXPECT_FALSE(DecodeStart(body.substr(0, bytes)).ok());
  }
  EXPECT_FALSE(DecodeStart(body + "x").ok());
  StartMessage wrong = TestStart();
  wrong.inputs[0].bytes = 13;
  EXPECT_FALSE(DecodeStart(EncodeStart(wrong)).ok());
  wrong = TestStart();
  wrong.inputs[0].offset = UINT64_MAX;
  EXPECT_FALSE(DecodeStart(EncodeStart(wrong)).ok());
  wrong = TestStart();
  wrong.inputs[0].shape = {-1, 3};
  EXPECT_FALSE(DecodeStart(EncodeStart(wrong)).ok());
  wrong = TestStart();
  wrong.inputs[0].element_type = static_cast<ElementType>(99);
  EXPECT_FALSE(DecodeStart(EncodeStart(wrong)).ok());
}

TEST(DoneMessageTest, SurvivesTheWay) {
  const DoneMessage done = DecodeDone(EncodeDone(TestDone())).value();
  EXPECT_TRUE(done.status.ok());
  EXPECT_EQ(done.device_time, std::chrono::nanoseconds(1234));
  EXPECT_EQ(done.checksum, 0xFEDCBA98U);
  ASSERT_EQ(done.made.size(), 2U);
  EXPECT_THAT(done.made[0].elements<std::uint8_t>(), ElementsAre(0, 0, 9));
  EXPECT_THAT(done.made[1].shape(), ElementsAre(2, 1));
  EXPECT_THAT(done.made[1].elements<std::int64_t>(), ElementsAre(0, -5));
}

TEST(DoneMessageTest, CarriesAnError) {
  const DoneMessage done = DecodeDone(EncodeDone({.status = absl::InternalError("broken")})).value();
  EXPECT_EQ(done.status, absl::InternalError("broken"));
  const DoneMessage long_one = DecodeDone(EncodeDone({.status = absl::InternalError(std::string(99999, 'x'))})).value();
  EXPECT_LT(long_one.status.message().size(), 5000U);
}

TEST(DoneMessageTest, RefusesWhatMakesNoSense) {
  const std::string body = EncodeDone(TestDone());
  for (std::size_t bytes = 0; bytes < body.size(); ++bytes) {
    EXPECT_FALSE(DecodeDone(body.substr(0, bytes)).ok());
  }
  constexpr std::size_t kFirstTensor = 32;
  constexpr std::size_t kOffset = kFirstTensor + 8;
  for (const std::uint64_t offset : {std::uint64_t{body.size()}, UINT64_MAX, UINT64_MAX - 2}) {
    std::string wrong = body;
    std::memcpy(wrong.data() + kOffset, &offset, sizeof(offset));
    EXPECT_FALSE(DecodeDone(wrong).ok());
  }
}

TEST(DoneMessageTest, OverlappingTensorsDoNotMultiplyTheMessage) {
  // 1000 tensors that all are the whole message.
  constexpr std::int64_t kBytes = 32 + 1000 * (32 + 8);
  const std::uint64_t head[] = {0, 0, 1000, 0};
  std::string body(reinterpret_cast<const char*>(head), sizeof(head));
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t tensor[] = {0, 0, kBytes, 1 | (std::uint64_t{1} << 32), kBytes};
    body.append(reinterpret_cast<const char*>(tensor), sizeof(tensor));
  }
  ASSERT_EQ(body.size(), kBytes);
  EXPECT_THAT(DecodeDone(body).status().ToString(), HasSubstr("larger than the message"));
}

TEST(StatusMessageTest, IsNeverOk) {
  EXPECT_EQ(DecodeStatus(EncodeStatus(absl::NotFoundError("no file"))), absl::NotFoundError("no file"));
  EXPECT_EQ(DecodeStatus(EncodeStatus(absl::InternalError("\xff"))), absl::InternalError("\xEF\xBF\xBD"));
  for (const char* body : {"", "{}", "[1]", R"({"code": 0, "message": ""})", R"({"code": 17, "message": ""})",
                           R"({"code": -1, "message": ""})", R"({"code": 3})"}) {
    EXPECT_EQ(DecodeStatus(body).code(), absl::StatusCode::kInvalidArgument) << body;
  }
}

TEST(ModelJsonTest, CompileSurvivesTheWay) {
  const CompileMessage sent{3,
                            {"face",
                             {"/m/face.onnx", ModelFormat::kOnnx, "/m/face.toml", "/m"},
                             {Precision::kF16, PerformanceHint::kLatency, 4}}};
  const CompileMessage got = DecodeCompile(EncodeCompile(sent).value()).value();
  EXPECT_EQ(got.model, 3U);
  EXPECT_EQ(got.source.name, "face");
  EXPECT_EQ(got.source.files, sent.source.files);
  EXPECT_EQ(got.source.settings.precision, Precision::kF16);
  EXPECT_EQ(got.source.settings.performance_hint, PerformanceHint::kLatency);
  EXPECT_EQ(got.source.settings.slots, 4);
}

TEST(ModelJsonTest, PathsAreUtf8) {
  EXPECT_EQ(EncodeCompile({1, {"m", {"/\xff.xml", ModelFormat::kOpenvinoIr, ""}, {}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ModelJsonTest, ModelInfoSurvivesTheWay) {
  ModelInfo info;
  info.signature.inputs = {{"x", ElementType::kU8, {-1, 3}, "NC"}};
  info.signature.outputs = {{"y", ElementType::kBf16, {1}, ""}};
  info.inputs = {{.quantized = true, .scale = 0.5F, .zero_point = -128}};
  info.outputs = {{.probabilities = true,
                   .scale = 0.1F,
                   .zero_point = 128,
                   .quantized = true,
                   .class_ids = true,
                   .ssd_rows = true,
                   .mixed = true,
                   .class_axis = 0}};
  info.slots = 3;
  info.content_hash = "abc";
  info.files = {"/a", "/b"};
  info.from_cache = true;
  const ModelInfo got = DecodeModelInfo(EncodeModelInfo(info)).value();
  ASSERT_EQ(got.signature.inputs.size(), 1U);
  EXPECT_EQ(got.signature.inputs[0].name, "x");
  EXPECT_EQ(got.signature.inputs[0].element_type, ElementType::kU8);
  EXPECT_THAT(got.signature.inputs[0].shape, ElementsAre(-1, 3));
  EXPECT_EQ(got.signature.inputs[0].layout, "NC");
  EXPECT_EQ(got.inputs, info.inputs);
  EXPECT_EQ(got.outputs, info.outputs);
  EXPECT_EQ(got.signature.outputs[0].element_type, ElementType::kBf16);
  EXPECT_EQ(got.slots, 3);
  EXPECT_EQ(got.content_hash, "abc");
  EXPECT_THAT(got.files, ElementsAre("/a", "/b"));
  EXPECT_TRUE(got.from_cache);
}

TEST(ModelJsonTest, MetadataSurvivesTheWay) {
  ModelInfo info;
  EXPECT_TRUE(DecodeModelInfo(EncodeModelInfo(info))->metadata.empty());
  ModelMetadata& metadata = info.metadata;
  metadata.task = {{"detect", Origin::kMetadataYaml}};
  metadata.color_order = {{ColorOrder::kRgb, Origin::kModelInfo}};
  metadata.mean = {{{0.1F, 2, 3}, Origin::kTfliteMetadata}};
  metadata.scale = {{{255}, Origin::kModelInfo}};
  metadata.labels = {{{"cat", "K\xc3\xa4tzchen"}, Origin::kOnnxMetadata}};
  metadata.input_size = {{{640, 480}, Origin::kMetadataYaml}};
  metadata.score_threshold = {{0.3F, Origin::kModelInfo}};
  metadata.iou_threshold = {{0.7F, Origin::kModelInfo}};
  metadata.properties["stride"] = {"32", Origin::kOnnxMetadata};
  EXPECT_EQ(DecodeModelInfo(EncodeModelInfo(info))->metadata, metadata);
  metadata.scale->value = {0};
  EXPECT_EQ(DecodeModelInfo(EncodeModelInfo(info)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ModelJsonTest, FactsThatCannotBe) {
  ModelInfo info;
  info.signature.inputs = {{"x", ElementType::kU8, {1, 3}, ""}};
  info.signature.outputs = {{"y", ElementType::kF32, {1, 3}, ""}};
  info.inputs.resize(1);
  info.outputs.resize(1);
  ASSERT_TRUE(DecodeModelInfo(EncodeModelInfo(info)).ok());
  ModelInfo bad = info;
  bad.inputs[0].scale = 0;
  EXPECT_FALSE(DecodeModelInfo(EncodeModelInfo(bad)).ok());
  bad = info;
  bad.outputs[0].class_axis = 2;
  EXPECT_FALSE(DecodeModelInfo(EncodeModelInfo(bad)).ok());
  bad = info;
  bad.outputs[0].scale = 0;
  EXPECT_FALSE(DecodeModelInfo(EncodeModelInfo(bad)).ok());
}

TEST(ModelJsonTest, RefusesWhatMakesNoSense) {
  EXPECT_FALSE(DecodeModelInfo("").ok());
  EXPECT_FALSE(DecodeModelInfo("[]").ok());
  ModelInfo info;
  info.slots = 0;
  EXPECT_FALSE(DecodeModelInfo(EncodeModelInfo(info)).ok());
  info.slots = 1;
  EXPECT_TRUE(DecodeModelInfo(EncodeModelInfo(info)).ok());
  info.signature.inputs = {{"x", ElementType::kU8, {-2}, ""}};
  EXPECT_FALSE(DecodeModelInfo(EncodeModelInfo(info)).ok());
}

}  // namespace
}  // namespace accelerd
