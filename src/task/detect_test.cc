#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/postprocessor.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(DetectTest, RowsBestFirst) {
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

TEST(DetectTest, RowsOfSignedBytes) {
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

TEST(DetectTest, NegativeImageEndsTheList) {
  const auto boxes = Detect({0,  1, 0.5F, 0, 0, 1, 1,  //
                             -1, 0, 0,    0, 0, 0, 0,  //
                             0,  1, 0.9F, 0, 0, 1, 1});
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
}

TEST(DetectTest, OtherImagesOfTheBatchAreLeftOut) {
  const auto boxes = Detect({0, 1, 0.5F, 0, 0, 1, 1,  //
                             1, 1, 0.9F, 0, 0, 1, 1});
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
}

TEST(DetectTest, BestOfClassComparesScores) {
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

TEST(DetectTest, NumbersThatAreNoneAreNeverAnswered) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, infinity}) {
    for (const std::vector<float>& row : {std::vector<float>{bad, 1, 0.9F, 0, 0, 1, 1},
                                          {0, bad, 0.9F, 0, 0, 1, 1},
                                          {0, 1, bad, 0, 0, 1, 1},
                                          {0, 1, 0.9F, 0, bad, 1, 1},
                                          {0, 1, 0.9F, 0, 0, 1, bad}}) {
      EXPECT_EQ(Detect(row).status().code(), absl::StatusCode::kInternal) << Detect(row).status();
    }
  }
}

TEST(DetectTest, RowsThatAreNoSsdRowsAreRefused) {
  const std::vector<std::vector<float>> rows = {
      {0, 1, 1.2F, 0, 0, 1, 1},                // A score over 1.
      {0, 1, 90, 0, 0, 1, 1},                  // Percent.
      {0, 1, -0.5F, 0, 0, 1, 1},               // A raw score.
      {0, 1.5F, 0.9F, 0, 0, 1, 1},             // No class.
      {0, -1, 0.9F, 0, 0, 1, 1},               // No class.
      {0.5F, 1, 0.9F, 0, 0, 1, 1},             // No image.
      {0, 1, 0.9F, 0.8F, 0, 0.2F, 1},          // Turned edges.
      {0, 1, 0.9F, 8, 8, 40, 40},              // Pixels.
      {32.5F, 40.1F, 20, 20, 0.9F, 16, 0.1F},  // Turned boxes: centre, size, score, class, angle.
      {0, 10, 10, 50, 50, 16, 0.9F}};          // YOLOv7 with its non-maximum suppression.
  for (const std::vector<float>& row : rows) {
    EXPECT_EQ(Detect(row).status().code(), absl::StatusCode::kFailedPrecondition) << row[0] << " " << row[1];
  }
  EXPECT_THAT(std::string(Message(Detect(rows[1]).status())), HasSubstr("output_scale"));
  EXPECT_THAT(std::string(Message(Detect(rows[7]).status())), HasSubstr("box_unit"));
}

TEST(DetectTest, FillerAndWeakRowsDoNoHarm) {
  const auto boxes = Detect({0, 1,  0.5F,   0, 0,    1, 1,  //
                             0, 0,  0,      0, 0,    0, 0,  //
                             0, -1, -1,     0, 0,    0, 0,  //
                             0, 1,  0.001F, 9, 1e9F, 0, 0});
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
}

TEST(DetectTest, CornersInPixelsWhereTheCardSaysSo) {
  ModelCard card;
  card.box_unit = BoxUnit::kPixels;
  const Shape shape = {1, 1, 1, 7};
  const auto postprocessor =
      CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, shape), card, {.rows = 50, .cols = 100});
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, shape, {0, 1, 0.9F, 10, 10, 60, 40});
  const auto result = postprocessor->Run(std::vector<Tensor>{tensor}, {30, 40}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const Box& box = std::get<Boxes>(*result).boxes.at(0);
  EXPECT_FLOAT_EQ(box.left, 0.1F);
  EXPECT_FLOAT_EQ(box.top, 0.2F);
  EXPECT_FLOAT_EQ(box.right, 0.6F);
  EXPECT_FLOAT_EQ(box.bottom, 0.8F);
}

TEST(DetectTest, ShapesThatOtherRowsHaveTooNeedACardOrTheGraph) {
  const std::vector<float> values = {0, 1, 0.5F, 0, 0, 1, 1, 0, 1, 0.25F, 0, 0, 1, 1};
  ModelCard ssd;
  ssd.decoder = BoxDecoder::kSsd;
  ModelCard detect;
  detect.task = Task::kDetect;
  for (const Shape& shape : {Shape{1, 2, 7}, Shape{2, 7}}) {
    for (const ModelCard& card : {ssd, detect}) {
      const auto boxes = Detect(values, {}, card, shape);
      ASSERT_TRUE(boxes.ok()) << boxes.status();
      EXPECT_EQ(boxes->boxes.size(), 2U);
    }
    const auto unsure = Detect(values, {}, {}, shape);
    EXPECT_EQ(unsure.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(Message(unsure.status())), HasSubstr("set decoder = \"ssd\""));
    const OutputFacts facts = {.ssd_rows = true};
    EXPECT_TRUE(CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, shape, facts), {})->Check({}).ok());
  }
  const auto none = Detect({}, {}, {}, {1, 1, 0, 7});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->boxes.empty());
}

TEST(DetectTest, CardScalesTheScores) {
  ModelCard card;
  card.output_scale = 0.01F;
  const auto boxes = Detect({0, 1, 50, 0, 0, 1, 1}, {}, card);
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ(Scores(*boxes), (std::vector<float>{0.5F}));
  EXPECT_EQ(boxes->boxes[0].right, 1.0F);
}

TEST(DetectTest, OtherOutputsAreRefused) {
  const auto message = [](const ModelInfo& info) {
    const absl::Status status = CreatePostprocessor(Task::kDetect, info, {}, {.batch = 1})->Check({});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(Message(status));
  };
  EXPECT_THAT(message(OneOutput(ElementType::kF32, {1, 1001})),
              HasSubstr("; if these are the scores of classes, use classify"));
  EXPECT_THAT(message(OneOutput(ElementType::kF32, {1, 84, 84})), HasSubstr("decode it in the client"));
  for (const Shape& shape : {Shape{1, 84, 84}, Shape{1, 300, 6}, Shape{1, 25200, 85}, Shape{1, 1, 7, 100},
                             Shape{1, 85, 22, 22}, Shape{100, 5}}) {
    const std::string text = message(OneOutput(ElementType::kF32, shape));
    EXPECT_THAT(text, HasSubstr("detect needs SSD rows [1,1,N,7], or boxes")) << text;
    EXPECT_THAT(text, HasSubstr("; inference answers the output as it is")) << text;
    EXPECT_THAT(text, Not(HasSubstr(", use "))) << text;
  }
}

TEST(DetectTest, OpenShapesAreDecidedAfterTheRun) {
  const auto open = CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, {-1, 7}), {});
  EXPECT_TRUE(open->Check({}).ok());
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {1, 7}, {0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(open->Run(std::vector<Tensor>{tensor}, {1, 1}, {}).status().code(), absl::StatusCode::kFailedPrecondition);
  const auto never = CreatePostprocessor(Task::kDetect, OneOutput(ElementType::kF32, {-1, 6}), {});
  EXPECT_EQ(never->Check({}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DetectTest, RowsOfPaddleDetectionInPixelsOfTheOriginalImage) {
  const auto postprocessor = CreatePostprocessor(
      Task::kDetect, OneOutput(ElementType::kF32, {-1, 6}), {},
      {.rows = 64, .cols = 64, .batch = 1, .knows_original_size = true, .is_paddle_detection = true});
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {2, 6}, {3, 0.9F, 10, 15, 20, 30, -1, 0, 0, 0, 0, 0});
  const auto result = postprocessor->Run(std::vector<Tensor>{tensor}, {30, 40}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(std::get<Boxes>(*result).boxes.size(), 1U);
  const Box& box = std::get<Boxes>(*result).boxes.front();
  EXPECT_EQ(box.index, 3);
  EXPECT_EQ(box.left, 0.25F);
  EXPECT_EQ(box.bottom, 1.0F);
}

}  // namespace
}  // namespace accelerd
