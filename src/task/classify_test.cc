#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/postprocessor.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

constexpr OutputFacts kProbabilities = {.probabilities = true, .scale = 1.0F};

absl::StatusOr<Classes> Classify(const ModelInfo& info, const Tensor& tensor, const ModelCard& card = {},
                                 const TaskOptions& options = {}) {
  const auto postprocessor = CreatePostprocessor(Task::kClassify, info, card);
  ACCELERD_ASSIGN_OR_RETURN(const TaskResult result, postprocessor->Run(std::vector<Tensor>{tensor}, {2, 2}, options));
  return std::get<Classes>(result);
}

std::vector<int> Indices(const Classes& classes) {
  std::vector<int> indices;
  for (const ClassScore& score : classes.classes) {
    indices.push_back(score.index);
  }
  return indices;
}

TEST(ClassifyTest, ProbabilitiesBestFirstTiesByIndexOverTheMinimum) {
  const Shape shape = {1, 5};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0.2F, 0.01F, 0.5F, 0.2F, 0.011F});
  const auto classes = Classify(OneOutput(ElementType::kF32, shape, kProbabilities), tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(Indices(*classes), (std::vector<int>{2, 0, 3, 4}));
  EXPECT_EQ(classes->classes[0].probability, 0.5F);
}

TEST(ClassifyTest, EveryShapeOfOneScoreAClass) {
  for (const Shape& shape : {Shape{1, 3}, Shape{1, 3, 1, 1}, Shape{1, 1, 1, 3}, Shape{3}}) {
    const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0.1F, 0.7F, 0.2F});
    const auto classes = Classify(OneOutput(ElementType::kF32, shape, kProbabilities), tensor);
    ASSERT_TRUE(classes.ok()) << ShapeToString(shape) << classes.status();
    EXPECT_EQ(Indices(*classes), (std::vector<int>{1, 2, 0}));
  }
}

TEST(ClassifyTest, FirstItemOfABatch) {
  const Shape shape = {2, 2};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0.9F, 0.1F, 0.2F, 0.8F});
  const auto classes = Classify(OneOutput(ElementType::kF32, {-1, 2}, kProbabilities), tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(Indices(*classes), (std::vector<int>{0, 1}));
}

TEST(ClassifyTest, SoftmaxWhereNobodySaysProbabilities) {
  const Shape shape = {1, 2};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {1000.0F, 1000.0F + std::log(3.0F)});
  const auto classes = Classify(OneOutput(ElementType::kF32, shape), tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  ASSERT_EQ(classes->classes.size(), 2U);
  EXPECT_NEAR(classes->classes[0].probability, 0.75F, 1e-4F);
  EXPECT_NEAR(classes->classes[1].probability, 0.25F, 1e-4F);
}

TEST(ClassifyTest, CardDecidesOnTheSoftmax) {
  const Shape shape = {1, 2};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0.5F, 0.25F});
  ModelCard card;
  card.softmax = false;
  auto classes = Classify(OneOutput(ElementType::kF32, shape), tensor, card);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].probability, 0.5F);
  card.softmax = true;
  classes = Classify(OneOutput(ElementType::kF32, shape, kProbabilities), tensor, card);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_NEAR(classes->classes[0].probability, 1.0F / (1.0F + std::exp(-0.25F)), 1e-6F);
}

TEST(ClassifyTest, ScaleOfTheFileAndOfTheCard) {
  const Shape shape = {1, 2};
  const Tensor tensor = MakeTensor<std::uint8_t>(ElementType::kU8, shape, {51, 204});
  const ModelInfo info = OneOutput(ElementType::kU8, shape, {.probabilities = true, .scale = 1.0F / 256.0F});
  auto classes = Classify(info, tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].probability, 204.0F / 256.0F);
  ModelCard card;
  card.output_scale = 1.0F / 512.0F;
  classes = Classify(info, tensor, card);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].probability, 204.0F / 512.0F);
}

TEST(ClassifyTest, ZeroPointOfSignedOutputs) {
  const Shape shape = {1, 3};
  const Tensor tensor = MakeTensor<std::int8_t>(ElementType::kI8, shape, {-128, 64, -64});
  const OutputFacts facts = {.probabilities = true, .scale = 1.0F / 256.0F, .zero_point = -128.0F};
  const auto classes = Classify(OneOutput(ElementType::kI8, shape, facts), tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(Indices(*classes), (std::vector<int>{1, 2}));
  EXPECT_EQ(classes->classes[0].probability, 0.75F);
  EXPECT_EQ(classes->classes[1].probability, 0.25F);
}

TEST(ClassifyTest, HalfPrecisionAndOtherTypes) {
  const Shape shape = {1, 2};
  const Tensor half = MakeTensor<std::uint16_t>(ElementType::kF16, shape, {0x3800, 0x3400});  // 0.5, 0.25
  auto classes = Classify(OneOutput(ElementType::kF16, shape, kProbabilities), half);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].probability, 0.5F);
  const Tensor wide = MakeTensor<double>(ElementType::kF64, shape, {0.125, 0.75});
  classes = Classify(OneOutput(ElementType::kF64, shape, kProbabilities), wide);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].probability, 0.75F);
}

TEST(ClassifyTest, LabelsOfTheCard) {
  const Shape shape = {1, 3};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0.1F, 0.3F, 0.6F});
  ModelCard card;
  card.labels = {"cat", "dog"};
  auto classes = Classify(OneOutput(ElementType::kF32, shape, kProbabilities), tensor, card);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].label, "2") << "its number, for want of a name";
  EXPECT_EQ(classes->classes[1].label, "dog");
  classes = Classify(OneOutput(ElementType::kF32, shape, kProbabilities), tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->classes[0].label, "");
}

TEST(ClassifyTest, NotANumberIsNeverAResult) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Shape shape = {1, 2};
  for (const std::vector<float>& values :
       {std::vector<float>{0.5F, std::nanf("")}, {infinity, 0.0F}, {-infinity, -infinity}}) {
    for (const bool probabilities : {false, true}) {
      const ModelInfo info = OneOutput(ElementType::kF32, shape, {.probabilities = probabilities, .scale = 1.0F});
      const auto classes = Classify(info, MakeTensor<float>(ElementType::kF32, shape, values));
      EXPECT_EQ(classes.status().code(), absl::StatusCode::kInternal) << classes.status();
    }
  }
}

TEST(ClassifyTest, MaskedOutClassHasNoProbability) {
  const Shape shape = {1, 2};
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {-std::numeric_limits<float>::infinity(), 1.0F});
  const auto classes = Classify(OneOutput(ElementType::kF32, shape), tensor);
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(Indices(*classes), (std::vector<int>{1}));
}

TEST(ClassifyTest, OtherShapesAreRefusedWithAHint) {
  const Shape rows = {1, 1, 2, 7};
  const auto postprocessor = CreatePostprocessor(Task::kClassify, OneOutput(ElementType::kF32, rows), {});
  const absl::Status status = postprocessor->Check({});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(status)),
              HasSubstr("model output \"out\" has shape [1,1,2,7] and type f32: classify needs one score a class, such "
                        "as [1,1000]; this looks like a detector, use detect"));
}

TEST(ClassifyTest, OneScoreHasNoSoftmax) {
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {1, 1}, {0.9F});
  const auto classes = Classify(OneOutput(ElementType::kF32, {1, 1}), tensor);
  EXPECT_EQ(classes.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Classify(OneOutput(ElementType::kF32, {1, 1}, kProbabilities), tensor).ok());
}

}  // namespace
}  // namespace accelerd
