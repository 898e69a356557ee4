#include "task/box_outputs.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/postprocessor.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

constexpr InputDescription kInput = {.rows = 64, .cols = 64, .batch = 1, .batch_is_fixed = true};

ModelInfo Outputs(const std::vector<TensorSpec>& specs) {
  ModelInfo info;
  info.signature.outputs = specs;
  info.outputs.resize(specs.size());
  return info;
}

TensorSpec Spec(const std::string& name, const Shape& shape, ElementType type = ElementType::kF32) {
  return {.name = name, .element_type = type, .shape = shape, .layout = ""};
}

Tensor Floats(const Shape& shape, const std::vector<float>& values) {
  return MakeTensor<float>(ElementType::kF32, shape, values);
}

Tensor Labels(const Shape& shape, const std::vector<std::int64_t>& values) {
  return MakeTensor<std::int64_t>(ElementType::kI64, shape, values);
}

absl::StatusOr<std::vector<Box>> Detect(const ModelInfo& info, const std::vector<Tensor>& outputs,
                                        const ModelCard& card = {}, const InputDescription& input = kInput) {
  const auto postprocessor = CreatePostprocessor(Task::kDetect, info, card, input);
  ACCELERD_RETURN_IF_ERROR(postprocessor->Check({}));
  ACCELERD_ASSIGN_OR_RETURN(const TaskResult result, postprocessor->Run(outputs, {32, 128}, {}));
  return std::get<Boxes>(result).boxes;
}

void ExpectOneBox(const absl::StatusOr<std::vector<Box>>& boxes) {
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  ASSERT_EQ(boxes->size(), 1U);
  const Box& box = boxes->front();
  EXPECT_EQ(box.index, 1);
  EXPECT_FLOAT_EQ(box.score, 0.9F);
  EXPECT_FLOAT_EQ(box.left, 0.125F);
  EXPECT_FLOAT_EQ(box.top, 0.25F);
  EXPECT_FLOAT_EQ(box.right, 0.625F);
  EXPECT_FLOAT_EQ(box.bottom, 0.75F);
}

TEST(BoxOutputsTest, FiveColumnsAndLabels) {
  for (const Shape& rows : {Shape{2}, Shape{1, 2}}) {
    Shape boxes = rows;
    boxes.push_back(5);
    const ModelInfo info = Outputs({Spec("labels", rows, ElementType::kI64), Spec("boxes", boxes),
                                    Spec("saliency_map", {1, 3, 7, 7}), Spec("feature_vector", {1, 720})});
    ExpectOneBox(
        Detect(info, {Labels(rows, {1, 0}), Floats(boxes, {8, 16, 40, 48, 0.9F, 0, 0, 0, 0, 0}),
                      Floats({1, 3, 7, 7}, std::vector<float>(147)), Floats({1, 720}, std::vector<float>(720))}));
  }
}

TEST(BoxOutputsTest, BoxesLabelsAndScoresInPixelsOrNormalised) {
  const ModelInfo info = Outputs({Spec("dets", {-1, 4}), Spec("a", {-1}, ElementType::kI64), Spec("b", {-1})});
  ExpectOneBox(Detect(info, {Floats({1, 4}, {8, 16, 40, 48}), Labels({1}, {1}), Floats({1}, {0.9F})}));
  ExpectOneBox(Detect(info, {Floats({1, 4}, {0.125F, 0.25F, 0.625F, 0.75F}), Labels({1}, {1}), Floats({1}, {0.9F})}));
  const auto none = Detect(info, {Floats({0, 4}, {}), Labels({0}, {}), Floats({0}, {})});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->empty());
}

TEST(BoxOutputsTest, UnitsThatCannotBeToldAreAskedFor) {
  const ModelInfo info = Outputs({Spec("boxes", {2, 4}), Spec("labels", {2}, ElementType::kI64), Spec("scores", {2})});
  const std::vector<Tensor> outputs = {Floats({2, 4}, {0, 0, 1, 1, 8, 16, 40, 48}), Labels({2}, {0, 1}),
                                       Floats({2}, {0.5F, 0.9F})};
  const auto unsure = Detect(info, outputs);
  EXPECT_EQ(unsure.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(unsure.status())), HasSubstr("box_unit = \"pixels\""));
  ModelCard card;
  card.box_unit = BoxUnit::kPixels;
  EXPECT_TRUE(Detect(info, outputs, card).ok());
}

TEST(BoxOutputsTest, PixelsOfTheOriginalImageWhereTheModelKnowsIt) {
  const ModelInfo info =
      Outputs({Spec("labels", {1, 1}, ElementType::kI64), Spec("boxes", {1, 1, 4}), Spec("scores", {1, 1})});
  InputDescription input = kInput;
  input.knows_original_size = true;
  // An image of 128 x 32 pixels.
  ExpectOneBox(
      Detect(info, {Labels({1, 1}, {1}), Floats({1, 1, 4}, {16, 8, 80, 24}), Floats({1, 1}, {0.9F})}, {}, input));
}

TEST(BoxOutputsTest, TensorflowNamesItsOutputs) {
  const ModelInfo info = Outputs({Spec("detection_anchor_indices:0", {1, 2}), Spec("detection_boxes:0", {1, 2, 4}),
                                  Spec("detection_classes:0", {1, 2}), Spec("detection_scores:0", {1, 2}),
                                  Spec("num_detections:0", {1}), Spec("raw_detection_boxes:0", {1, 9, 4})});
  ExpectOneBox(Detect(info, {Floats({1, 2}, {0, 0}), Floats({1, 2, 4}, {0.25F, 0.125F, 0.75F, 0.625F, 0, 0, 1, 1}),
                             Floats({1, 2}, {1, 1}), Floats({1, 2}, {0.9F, 0.8F}), Floats({1}, {1}),
                             Floats({1, 9, 4}, std::vector<float>(36))}));
}

TEST(BoxOutputsTest, ModelsWithoutABatch) {
  const ModelInfo info =
      Outputs({Spec("boxes", {-1, 4}), Spec("labels", {-1}, ElementType::kI64), Spec("scores", {-1})});
  InputDescription input = kInput;
  input.has_batch = false;
  ExpectOneBox(Detect(info, {Floats({1, 4}, {8, 16, 40, 48}), Labels({1}, {1}), Floats({1}, {0.9F})}, {}, input));
}

TEST(BoxOutputsTest, ValuesThatCannotBe) {
  const ModelInfo info = Outputs({Spec("boxes", {1, 4}), Spec("labels", {1}, ElementType::kI64), Spec("scores", {1})});
  const auto code = [&](const std::vector<float>& box, std::int64_t label, float score) {
    return Detect(info, {Floats({1, 4}, box), Labels({1}, {label}), Floats({1}, {score})}).status().code();
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code({8, 8, 40, 40}, 1, 0.9F), absl::StatusCode::kOk);
  EXPECT_EQ(code({8, 8, 40, nan}, 1, 0.9F), absl::StatusCode::kInternal);
  EXPECT_EQ(code({8, 8, 40, 40}, 1, nan), absl::StatusCode::kInternal);
  EXPECT_EQ(code({8, 8, 40, 40}, -1, 0.9F), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code({8, 8, 40, 40}, 1, 90), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code({40, 40, 8, 8}, 1, 0.9F), absl::StatusCode::kFailedPrecondition);
  const auto rows = Detect(info, {Floats({1, 4}, {8, 8, 40, 40}), Labels({2}, {1, 1}), Floats({1}, {0.9F})});
  EXPECT_EQ(rows.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(BoxOutputsTest, OutputsOfOtherDetectorsAreNotFound) {
  for (const ModelInfo& info : {Outputs({Spec("scores", {1, 4420, 2}), Spec("boxes", {1, 4420, 4})}),
                                Outputs({Spec("logits", {1, 100, 92}), Spec("pred_boxes", {1, 100, 4})}),
                                Outputs({Spec("boxes", {100, 5})}), Outputs({Spec("a", {1, 10}), Spec("b", {1, 4})})}) {
    EXPECT_EQ(Detect(info, {}).status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(BoxOutputsTest, TheCardSaysThatLabelsAreMissing) {
  ModelCard card;
  card.decoder = BoxDecoder::kBoxes;
  const auto boxes = Detect(Outputs({Spec("boxes", {1, 5})}), {Floats({1, 5}, {8, 16, 40, 48, 0.9F})}, card);
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(boxes->at(0).index, 0);
  EXPECT_EQ(Detect(Outputs({Spec("x", {1, 10})}), {}, card).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(BoxOutputsTest, OtherTasksRefuseTheOutputs) {
  const ModelInfo info = Outputs({Spec("boxes", {2, 4}), Spec("labels", {2}, ElementType::kI64), Spec("scores", {2})});
  for (const Task task : {Task::kClassify, Task::kSegment}) {
    for (const std::string output : {"", "labels", "scores"}) {
      const absl::Status status = CreatePostprocessor(task, info, {}, kInput)->Check({.output = output});
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << output;
      EXPECT_THAT(std::string(Message(status)), HasSubstr("use detect")) << output;
    }
  }
}

}  // namespace
}  // namespace accelerd
