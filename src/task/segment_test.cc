#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/postprocessor.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

constexpr OutputFacts kSecond = {.class_axis = 1};

absl::StatusOr<Mask> Segment(const ModelInfo& info, const Tensor& tensor, const ImageSize& image,
                             const ModelCard& card = {}, const InputDescription& input = {}) {
  const auto postprocessor = CreatePostprocessor(Task::kSegment, info, card, input);
  ACCELERD_ASSIGN_OR_RETURN(const TaskResult result, postprocessor->Run(std::vector<Tensor>{tensor}, image, {}));
  return std::get<Mask>(result);
}

TEST(SegmentTest, BestClassOfEachPixelFirstOfEquals) {
  const Shape shape = {1, 3, 1, 4};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape,
                                          {1, 0, 0, 5,  //
                                           0, 2, 3, 5,  //
                                           0, 1, 4, -1});
  const auto mask = Segment(OneOutput(ElementType::kF32, shape, kSecond), tensor, {1, 4});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->rows, 1);
  EXPECT_EQ(mask->cols, 4);
  EXPECT_EQ(mask->classes, (std::vector<std::int32_t>{0, 1, 2, 0}));
}

TEST(SegmentTest, EveryPixelOfManyBlocks) {
  const std::int64_t size = 70;  // 4,900 pixels: more than four blocks, the last one not full.
  const Shape shape = {1, 3, size, size};
  std::vector<std::int8_t> scores(3 * size * size, -5);
  std::vector<std::int32_t> expected(size * size);
  for (std::int64_t i = 0; i < size * size; ++i) {
    expected[i] = static_cast<std::int32_t>(i * 7 % 3);
    scores[expected[i] * size * size + i] = -4;
  }
  const Tensor tensor = MakeTensor<std::int8_t>(ElementType::kI8, shape, scores);
  const auto mask = Segment(OneOutput(ElementType::kI8, shape, kSecond), tensor, {70, 70});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->classes, expected);
}

TEST(SegmentTest, StretchedToTheOriginalImage) {
  const Shape shape = {1, 2, 2, 2};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {1, 0, 0, 1, 0, 1, 1, 0});  // 0 1 / 1 0
  const auto mask = Segment(OneOutput(ElementType::kF32, shape, kSecond), tensor, {3, 4});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->rows, 3);
  EXPECT_EQ(mask->cols, 4);
  // Row r comes from floor(r * 2 / 3).
  EXPECT_EQ(mask->classes, (std::vector<std::int32_t>{0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0}));
}

/// Scores [1,3,3,2]: the pairs say 0 1 1 / 1 0 1 / 1 1 0.
class ClassAxisTest : public testing::Test {
 protected:
  std::vector<std::int32_t> Classes(const ModelInfo& info, const ModelCard& card = {},
                                    const InputDescription& input = {}) const {
    const auto mask = Segment(info, tensor_, {3, 3}, card, input);
    EXPECT_TRUE(mask.ok()) << mask.status();
    return mask.ok() ? mask->classes : std::vector<std::int32_t>();
  }

  const Shape shape_ = {1, 3, 3, 2};
  const Tensor tensor_ =
      MakeTensor<float>(ElementType::kF32, shape_, {1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0});
  const std::vector<std::int32_t> expected_ = {0, 1, 1, 1, 0, 1, 1, 1, 0};
};

TEST_F(ClassAxisTest, TheOutputsLayoutTheGraphAndTheCardSayIt) {
  EXPECT_EQ(Classes(OneOutput(ElementType::kF32, shape_, {}, "NHWC")), expected_);
  EXPECT_EQ(Classes(OneOutput(ElementType::kF32, shape_, {.class_axis = 3})), expected_);
  ModelCard card;
  card.output_layout = "NHWC";
  EXPECT_EQ(Classes(OneOutput(ElementType::kF32, shape_, {.class_axis = 1}, "NCHW"), card), expected_);
  EXPECT_NE(Classes(OneOutput(ElementType::kF32, shape_, {.class_axis = 1})), expected_);
}

TEST_F(ClassAxisTest, TheShapeOfTheInputSaysIt) {
  EXPECT_EQ(Classes(OneOutput(ElementType::kF32, shape_), {}, {.rows = 12, .cols = 12}), expected_);
  EXPECT_NE(Classes(OneOutput(ElementType::kF32, shape_), {}, {.rows = 12, .cols = 8}), expected_);
}

TEST_F(ClassAxisTest, TheLayoutOfTheInputInTheCardSaysItLast) {
  ModelCard card;
  card.layout = "NHWC";
  EXPECT_EQ(Classes(OneOutput(ElementType::kF32, shape_), card), expected_);
}

TEST_F(ClassAxisTest, WhatCannotBeToldIsAskedFor) {
  const auto unsure = Segment(OneOutput(ElementType::kF32, shape_), tensor_, {3, 3});
  EXPECT_EQ(unsure.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(unsure.status())), HasSubstr("set output_layout = \"NCHW\" or"));
  const auto square =
      CreatePostprocessor(Task::kSegment, OneOutput(ElementType::kF32, {1, 64, 64, 64}), {}, {.rows = 64, .cols = 64});
  EXPECT_THAT(std::string(Message(square->Check({}))), HasSubstr("output_layout"));
}

TEST_F(ClassAxisTest, ModelsWithoutABatch) {
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {2, 1, 2}, {1, 0, 0, 1});
  const auto mask = Segment(OneOutput(ElementType::kF32, {2, 1, 2}, {.class_axis = 0}), tensor, {1, 2}, {},
                            {.rows = 8, .cols = 16, .batch = 1, .has_batch = false});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->classes, (std::vector<std::int32_t>{0, 1}));
}

/// What /segment says before it runs.
std::string Doubt(const ModelInfo& info, const ModelCard& card = {}) {
  const auto postprocessor = CreatePostprocessor(Task::kSegment, info, card, {.rows = 352, .cols = 352, .batch = 1});
  return std::string(Message(postprocessor->Check({})));
}

void AddOutput(ModelInfo& info, const std::string& name, const Shape& shape) {
  info.signature.outputs.push_back({.name = name, .element_type = ElementType::kF32, .shape = shape, .layout = ""});
  info.outputs.emplace_back();
}

TEST(SegmentDoubtTest, GridsOfDetectorsNeedTheCard) {
  ModelInfo grid = OneOutput(ElementType::kF32, {1, 85, 22, 22}, kSecond);
  EXPECT_THAT(Doubt(grid), HasSubstr("more channels (85) than rows and columns"));
  EXPECT_THAT(Doubt(grid), HasSubstr("set task = \"segment\""));
  ModelCard card;
  card.task = Task::kSegment;
  EXPECT_EQ(Doubt(grid, card), "");
  EXPECT_THAT(Doubt(OneOutput(ElementType::kF32, {1, 20, 44, 44}, {.mixed = true, .class_axis = 1})),
              HasSubstr("put together from parts"));
}

TEST(SegmentDoubtTest, OtherOutputsShowADetector) {
  const ModelInfo scores = OneOutput(ElementType::kF32, {1, 20, 44, 44}, kSecond);
  EXPECT_EQ(Doubt(scores), "");
  for (const Shape& shape : {Shape{1, 20, 22, 22}, Shape{1, 2, 44, 44}, Shape{1, 116, 8400}}) {
    ModelInfo info = scores;
    AddOutput(info, "other", shape);
    EXPECT_THAT(Doubt(info), HasSubstr("its output \"other\" has shape")) << ShapeToString(shape);
  }
  for (const Shape& shape : {Shape{1, 20, 44, 44}, Shape{1, 720, 1, 1}, Shape{1, 720}}) {
    ModelInfo info = scores;
    AddOutput(info, "other", shape);
    EXPECT_EQ(Doubt(info), "") << ShapeToString(shape);
  }
}

TEST(SegmentDoubtTest, OtherPictures) {
  EXPECT_THAT(Doubt(OneOutput(ElementType::kF32, {1, 3, 704, 704}, kSecond)), HasSubstr("larger than the input"));
  EXPECT_THAT(Doubt(OneOutput(ElementType::kF32, {1, 6, 10, 400}, kSecond)), HasSubstr("proportions"));
  EXPECT_THAT(Doubt(OneOutput(ElementType::kI64, {1, 300, 6})), HasSubstr("proportions"));
  ModelInfo info = OneOutput(ElementType::kF32, {1, 20, 44, 44}, kSecond);
  info.metadata.task = {{"detect", Origin::kModelInfo}};
  EXPECT_THAT(Doubt(info), HasSubstr("says that it is for \"detect\""));
}

class MaskTest : public testing::Test {
 protected:
  absl::StatusOr<Mask> Run(const OutputFacts& facts, const std::vector<float>& values, const ModelCard& card = {},
                           const Shape& shape = {1, 1, 1, 4}) const {
    return Segment(OneOutput(ElementType::kF32, shape, facts), MakeTensor<float>(ElementType::kF32, shape, values),
                   {1, 4}, card);
  }

  static ModelCard Sigmoid(bool sigmoid) {
    ModelCard card;
    card.sigmoid = sigmoid;
    return card;
  }

  const std::vector<std::int32_t> expected_ = {0, 0, 1, 1};
};

TEST_F(MaskTest, ProbabilitiesOverAHalf) {
  const std::vector<float> probabilities = {0, 0.5F, 0.51F, 1};
  for (const Shape& shape : {Shape{1, 1, 1, 4}, Shape{1, 1, 4}, Shape{1, 1, 4, 1}}) {
    const OutputFacts facts = {.probabilities = true, .class_axis = shape.back() == 1 ? 3 : -1};
    const auto mask = Run(facts, probabilities, {}, shape);
    ASSERT_TRUE(mask.ok()) << mask.status();
    EXPECT_EQ(mask->classes, expected_);
  }
  EXPECT_EQ(Run({}, probabilities, Sigmoid(false))->classes, expected_);
}

TEST_F(MaskTest, NumbersBeforeASigmoid) {
  const std::vector<float> logits = {-3, 0, 0.1F, 5};
  EXPECT_EQ(Run({}, logits, Sigmoid(true))->classes, expected_);
  const auto unsure = Run({}, logits);
  EXPECT_EQ(unsure.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(unsure.status())), HasSubstr("set sigmoid = true"));
  const auto wrong = Run({}, logits, Sigmoid(false));
  EXPECT_THAT(std::string(Message(wrong.status())), HasSubstr("which is no probability; set sigmoid = true"));
  EXPECT_EQ(Run({}, {std::nanf(""), 0, 0, 0}, Sigmoid(true)).status().code(), absl::StatusCode::kInternal);
}

TEST_F(MaskTest, QuantisedProbabilitiesAreNoClasses) {
  const OutputFacts facts = {.probabilities = true, .scale = 1.0F / 256, .zero_point = -128, .quantized = true};
  const Tensor tensor = MakeTensor<std::int8_t>(ElementType::kI8, {1, 1, 1, 4}, {-128, 0, 1, 127});
  const auto mask = Segment(OneOutput(ElementType::kI8, {1, 1, 1, 4}, facts), tensor, {1, 4});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->classes, expected_);
}

TEST_F(MaskTest, ClassesThatTheGraphChoseInFloatingPoint) {
  EXPECT_EQ(Run({.class_ids = true}, {0, 0, 1, 1})->classes, expected_);
  EXPECT_EQ(Run({.class_ids = true}, {0, 0.5F, 1, 1}).status().code(), absl::StatusCode::kInternal);
}

TEST(SegmentTest, IntegersAreClassesAlready) {
  for (const Shape& shape : {Shape{1, 2, 2}, Shape{1, 1, 2, 2}, Shape{1, 2, 2, 1}}) {
    const Tensor tensor = MakeTensor<std::int64_t>(ElementType::kI64, shape, {7, 0, 20, 255});
    const auto mask = Segment(OneOutput(ElementType::kI64, shape), tensor, {2, 2});
    ASSERT_TRUE(mask.ok()) << ShapeToString(shape) << mask.status();
    EXPECT_EQ(mask->classes, (std::vector<std::int32_t>{7, 0, 20, 255}));
  }
}

TEST(SegmentTest, ValuesThatAreNoClassesAreAnError) {
  const Tensor wide = MakeTensor<std::int64_t>(ElementType::kI64, {1, 1, 1}, {std::int64_t{1} << 40});
  EXPECT_EQ(Segment(OneOutput(ElementType::kI64, {1, 1, 1}), wide, {1, 1}).status().code(),
            absl::StatusCode::kInternal);
  for (const std::string layout : {"NCHW", "NHWC"}) {
    for (const int place : {0, 3}) {
      std::vector<float> scores = {1, 2, 3, 4};
      scores[place] = std::nanf("");
      const Tensor nan = MakeTensor<float>(ElementType::kF32, {1, 2, 1, 2}, scores);
      EXPECT_EQ(Segment(OneOutput(ElementType::kF32, {1, 2, 1, 2}, {}, layout), nan, {1, 2}).status().code(),
                absl::StatusCode::kInternal);
    }
  }
}

TEST(SegmentTest, InfinityIsNoScore) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::string layout : {"NCHW", "NHWC"}) {
    const ModelInfo info = OneOutput(ElementType::kF32, {1, 2, 1, 2}, {}, layout);
    const Tensor over = MakeTensor<float>(ElementType::kF32, {1, 2, 1, 2}, {0, infinity, 1, 1});
    EXPECT_EQ(Segment(info, over, {1, 2}).status().code(), absl::StatusCode::kInternal);
    const Tensor masked = MakeTensor<float>(ElementType::kF32, {1, 2, 1, 2}, {0, -infinity, 1, 1});
    EXPECT_TRUE(Segment(info, masked, {1, 2}).ok());
  }
}

TEST(SegmentTest, OtherShapesAreRefused) {
  for (const Shape& shape : {Shape{1, 1001}, Shape{1, 1, 100, 7}, Shape{1, 0, 4, 4}, Shape{1, 2, 3, 4, 5}}) {
    const auto postprocessor = CreatePostprocessor(Task::kSegment, OneOutput(ElementType::kF32, shape), {});
    const absl::Status status = postprocessor->Check({});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << ShapeToString(shape);
    EXPECT_THAT(std::string(Message(status)), HasSubstr("segment needs class scores [1,C,H,W]"));
  }
}

}  // namespace
}  // namespace accelerd
