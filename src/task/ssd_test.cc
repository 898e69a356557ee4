#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/postprocessor.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Boxes> Detect(const std::vector<float>& values, const TaskOptions& options = {},
                             const ModelCard& card = {}, Shape shape = {}) {
  if (shape.empty()) {
    shape = {1, 1, static_cast<std::int64_t>(values.size() / 7), 7};
  }
  const auto postprocessor = CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, shape), card);
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, values);
  ACCELERD_ASSIGN_OR_RETURN(const TaskResult result,
                            postprocessor->Run(std::vector<Tensor>{tensor}, {30, 40}, options));
  return std::get<Boxes>(result);
}

std::vector<float> Scores(const Boxes& boxes) {
  std::vector<float> scores;
  for (const Box& box : boxes.boxes) {
    scores.push_back(box.score);
  }
  return scores;
}

TEST(SsdTest, RowsBestFirst) {
  ModelCard card;
  card.labels = {"background", "face"};
  const auto boxes = Detect({0, 1, 0.5F,  0.1F, 0.2F, 0.3F, 0.4F,  //
                             0, 2, 0.9F,  0,    0,    1,    1,     //
                             0, 1, 0.01F, 0,    0,    1,    1},
                            {}, card);
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(boxes->rows, 30);
  EXPECT_EQ(boxes->cols, 40);
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.9F, 0.5F}));
  EXPECT_EQ(boxes->boxes[0].label, "2");
  const Box& face = boxes->boxes[1];
  EXPECT_EQ(face.index, 1);
  EXPECT_EQ(face.label, "face");
  EXPECT_EQ(face.left, 0.1F);
  EXPECT_EQ(face.top, 0.2F);
  EXPECT_EQ(face.right, 0.3F);
  EXPECT_EQ(face.bottom, 0.4F);
}

TEST(SsdTest, RowsOfSignedBytes) {
  const Shape shape = {1, 1, 2, 7};
  // 0.01 a step, from -1 on: an image number of -100 is 0.
  const ModelInfo info = OneOutput(ElementType::kI8, shape, {.scale = 0.01F, .zero_point = -100.0F});
  const auto postprocessor = CreatePostprocessor(Task::kDetect, info, {});
  ASSERT_TRUE(postprocessor->Check({}).ok()) << postprocessor->Check({});
  const Tensor tensor = MakeTensor<std::int8_t>(ElementType::kI8, shape,
                                                {-100, 0, -50, -90, -80, -70, -60,  //
                                                 -100, 0, -10, -100, -100, 0, 0});
  const auto result = postprocessor->Run(std::vector<Tensor>{tensor}, {30, 40}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& boxes = std::get<Boxes>(*result).boxes;
  ASSERT_EQ(boxes.size(), 2U);
  EXPECT_FLOAT_EQ(boxes[0].score, 0.9F);
  EXPECT_EQ(boxes[1].index, 1);
  EXPECT_FLOAT_EQ(boxes[1].score, 0.5F);
  EXPECT_FLOAT_EQ(boxes[1].left, 0.1F);
  EXPECT_FLOAT_EQ(boxes[1].bottom, 0.4F);
}

TEST(SsdTest, NegativeImageEndsTheList) {
  const auto boxes = Detect({0,  1, 0.5F, 0, 0, 1, 1,  //
                             -1, 0, 0,    0, 0, 0, 0,  //
                             0,  1, 0.9F, 0, 0, 1, 1});
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
}

TEST(SsdTest, OtherImagesOfTheBatchAreLeftOut) {
  const auto boxes = Detect({0, 1, 0.5F, 0, 0, 1, 1,  //
                             1, 1, 0.9F, 0, 0, 1, 1});
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
}

TEST(SsdTest, BestOfClassComparesScores) {
  TaskOptions options;
  options.best_of_class = true;
  const auto boxes = Detect({0, 1, 0.5F, 0,    0, 1, 1,  //
                             0, 2, 0.6F, 0,    0, 1, 1,  //
                             0, 1, 0.7F, 0.1F, 0, 1, 1,  //
                             0, 1, 0.7F, 0.2F, 0, 1, 1},
                            options);
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.7F, 0.6F}));
  EXPECT_EQ(boxes->boxes[0].left, 0.1F) << "of equals the first one";
}

TEST(SsdTest, RowsThatMakeNoBoxArePassedOver) {
  const float nan = std::nanf("");
  const auto boxes = Detect({0, 1,   nan,  0,   0,    1, 1,  //
                             0, 1,   0.9F, nan, 0,    1, 1,  //
                             0, nan, 0.9F, 0,   0,    1, 1,  //
                             0, -1,  0.9F, 0,   0,    1, 1,  //
                             0, 1,   0.9F, 0,   2e9F, 1, 1,  //
                             0, 1,   0.5F, 0,   0,    1, 1});
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
}

TEST(SsdTest, OtherShapesOfRows) {
  const std::vector<float> values = {0, 1, 0.5F, 0, 0, 1, 1, 0, 1, 0.25F, 0, 0, 1, 1};
  for (const Shape& shape : {Shape{1, 1, 2, 7}, Shape{1, 2, 7}, Shape{2, 7}}) {
    const auto boxes = Detect(values, {}, {}, shape);
    ASSERT_TRUE(boxes.ok()) << boxes.status();
    EXPECT_EQ(boxes->boxes.size(), 2U);
  }
  const auto none = Detect({}, {}, {}, {1, 1, 0, 7});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->boxes.empty());
}

TEST(SsdTest, CardScalesTheScores) {
  ModelCard card;
  card.output_scale = 0.01F;
  const auto boxes = Detect({0, 1, 50, 0, 0, 1, 1}, {}, card);
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
  EXPECT_EQ(boxes->boxes[0].right, 1.0F);
}

TEST(SsdTest, ClassifierIsRefusedBeforeAndAfterTheRun) {
  const auto known = CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, {1, 1001}), {});
  EXPECT_THAT(std::string(Message(known->Check({}))), HasSubstr("[1,1001] and type f32: detect needs SSD rows "
                                                                "[1,1,N,7]; this looks like a classifier, use "
                                                                "classify"));
  const auto open = CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, {-1, 7}), {});
  EXPECT_TRUE(open->Check({}).ok());
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {1, 7}, {0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(open->Run(std::vector<Tensor>{tensor}, {1, 1}, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace accelerd
