#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/postprocessor.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Mask> Segment(const ModelInfo& info, const Tensor& tensor, const ImageSize& image,
                             const ModelCard& card = {}) {
  const auto postprocessor = CreatePostprocessor(Task::kSegment, info, card);
  ACCELERD_ASSIGN_OR_RETURN(const TaskResult result, postprocessor->Run(std::vector<Tensor>{tensor}, image, {}));
  return std::get<Mask>(result);
}

TEST(SegmentTest, BestClassOfEachPixelFirstOfEquals) {
  const Shape shape = {1, 3, 1, 4};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape,
                                          {1, 0, 0, 5,  //
                                           0, 2, 3, 5,  //
                                           0, 1, 4, -1});
  const auto mask = Segment(OneOutput(ElementType::kF32, shape), tensor, {1, 4});
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
  const auto mask = Segment(OneOutput(ElementType::kI8, shape), tensor, {70, 70});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->classes, expected);
}

TEST(SegmentTest, StretchedToTheOriginalImage) {
  const Shape shape = {1, 2, 2, 2};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {1, 0, 0, 1, 0, 1, 1, 0});  // 0 1 / 1 0
  const auto mask = Segment(OneOutput(ElementType::kF32, shape), tensor, {3, 4});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->rows, 3);
  EXPECT_EQ(mask->cols, 4);
  // Row r comes from floor(r * 2 / 3).
  EXPECT_EQ(mask->classes, (std::vector<std::int32_t>{0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0}));
}

TEST(SegmentTest, PackedScoresByTheOutputsLayoutOrTheInputs) {
  const Shape shape = {1, 3, 3, 2};
  const Tensor tensor = MakeTensor<float>(
      ElementType::kF32, shape, {1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0});  // Pairs: 0 if first is best.
  const std::vector<std::int32_t> expected = {0, 1, 1, 1, 0, 1, 1, 1, 0};
  auto mask = Segment(OneOutput(ElementType::kF32, shape, {}, "NHWC"), tensor, {3, 3});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->classes, expected);

  ModelInfo info = OneOutput(ElementType::kF32, shape);
  info.signature.inputs.push_back({"in", ElementType::kF32, {1, 3, 3, 3}, "NHWC"});
  mask = Segment(info, tensor, {3, 3});
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->classes, expected);

  ModelCard card;
  card.layout = "NCHW";
  mask = Segment(info, tensor, {3, 2}, card);
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_NE(mask->classes, expected);
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

TEST(SegmentTest, OtherShapesAreRefused) {
  for (const Shape& shape : {Shape{1, 1001}, Shape{1, 2, 2}, Shape{1, 1, 2, 2}, Shape{1, 1, 100, 7}}) {
    const auto postprocessor = CreatePostprocessor(Task::kSegment, OneOutput(ElementType::kF32, shape), {});
    const absl::Status status = postprocessor->Check({});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << ShapeToString(shape);
    EXPECT_THAT(std::string(Message(status)), HasSubstr("segment needs class scores [1,C,H,W]"));
  }
}

}  // namespace
}  // namespace accelerd
