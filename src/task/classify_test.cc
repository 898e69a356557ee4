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

TEST(ClassifyTest, ScoresThatAreNoProbabilitiesAreNeverAnswered) {
  const Shape shape = {1, 2};
  ModelCard card;
  card.softmax = false;
  for (const std::vector<float>& values : {std::vector<float>{200, 0.5F}, {0.5F, 1.1F}, {-3, 0.5F}}) {
    const auto classes =
        Classify(OneOutput(ElementType::kF32, shape), MakeTensor<float>(ElementType::kF32, shape, values), card);
    EXPECT_EQ(classes.status().code(), absl::StatusCode::kFailedPrecondition) << classes.status();
    EXPECT_THAT(std::string(Message(classes.status())), HasSubstr("softmax = true"));
    EXPECT_THAT(std::string(Message(classes.status())), HasSubstr("output_scale"));
  }
  const auto rounded = Classify(OneOutput(ElementType::kF32, shape),
                                MakeTensor<float>(ElementType::kF32, shape, {1.0000005F, -0.0001F}), card);
  ASSERT_TRUE(rounded.ok()) << rounded.status();
  EXPECT_EQ(rounded->classes[0].probability, 1.0F);
}

/// What /classify says of a model before it runs.
std::string Refusal(const ModelInfo& info, const InputDescription& input = {}, const TaskOptions& options = {},
                    const ModelCard& card = {}) {
  const absl::Status status = CreatePostprocessor(Task::kClassify, info, card, input)->Check(options);
  EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kFailedPrecondition) << status;
  return std::string(Message(status));
}

void AddOutput(ModelInfo& info, const std::string& name, const Shape& shape, ElementType type = ElementType::kF32) {
  info.signature.outputs.push_back({.name = name, .element_type = type, .shape = shape, .layout = ""});
  info.outputs.emplace_back();
}

TEST(ClassifyTest, ClassNumbersAreNoScores) {
  for (const Shape& shape : {Shape{1}, Shape{1, 1}, Shape{1, 5}}) {
    ModelInfo info = OneOutput(ElementType::kI64, shape);
    EXPECT_THAT(Refusal(info), HasSubstr("these are numbers of classes, not scores"));
    ModelCard card;
    card.softmax = false;
    EXPECT_THAT(Refusal(info, {}, {}, card), HasSubstr("not scores"));
    AddOutput(info, "probabilities", {1, 10});
    EXPECT_THAT(Refusal(info), HasSubstr("ask for scores by ?output=probabilities ([1,10])"));
    EXPECT_EQ(Refusal(info, {}, {.output = "probabilities"}), "");
  }
  EXPECT_THAT(Refusal(OneOutput(ElementType::kF32, {1, 1}, {.class_ids = true})), HasSubstr("not scores"));
  ModelInfo two = OneOutput(ElementType::kI64, {1});
  AddOutput(two, "other", {1}, ElementType::kI64);
  EXPECT_THAT(Refusal(two), HasSubstr("not scores"));
  ModelCard scaled;
  scaled.output_scale = 0.01F;
  EXPECT_EQ(Refusal(OneOutput(ElementType::kI32, {1, 5}), {}, {}, scaled), "");
}

TEST(ClassifyTest, BoxesAreNoClasses) {
  EXPECT_THAT(Refusal(OneOutput(ElementType::kF32, {2, 4}), {.batch = 1}), HasSubstr("these are 2 rows for 1 image"));
  EXPECT_EQ(Refusal(OneOutput(ElementType::kF32, {2, 4}), {.batch = 2}), "");
  const std::string ambiguous = Refusal(OneOutput(ElementType::kF32, {1, 1, 1, 7}));
  EXPECT_THAT(ambiguous, HasSubstr("set task = \"classify\" or task = \"detect\""));
  ModelCard card;
  card.task = Task::kClassify;
  EXPECT_EQ(Refusal(OneOutput(ElementType::kF32, {1, 1, 1, 7}), {}, {}, card), "");
  EXPECT_EQ(Refusal(OneOutput(ElementType::kF32, {1, 1, 1, 7}, kProbabilities)), "");
  EXPECT_THAT(Refusal(OneOutput(ElementType::kF32, {1, 1, 1, 7}, {.ssd_rows = true})), HasSubstr("use detect"));
  const auto one_box = Classify(OneOutput(ElementType::kF32, {-1, 5}), Tensor());
  EXPECT_FALSE(one_box.ok());
}

TEST(ClassifyTest, OneBoxOfAVaryingNumberIsNoClassification) {
  const auto postprocessor = CreatePostprocessor(Task::kClassify, OneOutput(ElementType::kF32, {-1, 5}), {},
                                                 {.rows = 8, .cols = 8, .batch = 1, .batch_is_fixed = true});
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {1, 5}, {1, 2, 3, 4, 0.9F});
  const absl::Status status = postprocessor->Run(std::vector<Tensor>{tensor}, {8, 8}, {}).status();
  EXPECT_THAT(std::string(Message(status)), HasSubstr("set task = \"classify\""));
}

TEST(ClassifyTest, NumbersOfAnchorsAreNoClasses) {
  ModelInfo info = OneOutput(ElementType::kF32, {1, 896, 1});
  EXPECT_EQ(Refusal(info), "") << "by itself it may be 896 classes";
  AddOutput(info, "regressors", {1, 896, 16});
  EXPECT_THAT(Refusal(info), HasSubstr("anchors, like the rows of its output \"regressors\""));
  ModelInfo with_map = OneOutput(ElementType::kF32, {1, 20});
  AddOutput(with_map, "saliency_map", {1, 20, 7, 7});
  EXPECT_EQ(Refusal(with_map), "");
}

TEST(ClassifyTest, TheModelsOwnMetadataIsBelieved) {
  ModelInfo info = OneOutput(ElementType::kF32, {1, 10});
  info.metadata.task = {{"detect", Origin::kModelInfo}};
  EXPECT_THAT(Refusal(info), HasSubstr("says that it is for \"detect\""));
  ModelCard card;
  card.task = Task::kClassify;
  EXPECT_EQ(Refusal(info, {}, {}, card), "");
  for (const std::string task : {"classify", "anomaly", ""}) {
    info.metadata.task = {{task, Origin::kModelInfo}};
    EXPECT_EQ(Refusal(info), "") << task;
  }
}

TEST(ClassifyTest, ModelsWithoutABatch) {
  const Shape shape = {3};
  const auto postprocessor = CreatePostprocessor(Task::kClassify, OneOutput(ElementType::kF32, shape, kProbabilities),
                                                 {}, {.rows = 8, .cols = 8, .batch = 1, .has_batch = false});
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0.1F, 0.7F, 0.2F});
  const auto result = postprocessor->Run(std::vector<Tensor>{tensor}, {8, 8}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Indices(std::get<Classes>(*result)), (std::vector<int>{1, 2, 0}));
}

TEST(ClassifyTest, OneScoreHasNoSoftmax) {
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {1, 1}, {0.9F});
  const auto classes = Classify(OneOutput(ElementType::kF32, {1, 1}), tensor);
  EXPECT_EQ(classes.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Classify(OneOutput(ElementType::kF32, {1, 1}, kProbabilities), tensor).ok());
}

}  // namespace
}  // namespace accelerd
