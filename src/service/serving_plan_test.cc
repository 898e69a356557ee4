#include "service/serving_plan.h"

#include "gmock/gmock.h"
#include "service/service_fixture.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

const ModelFiles kFiles = {.main = "/m/a.onnx", .format = ModelFormat::kOnnx, .card = "/m/a.toml"};

std::shared_ptr<const ServingPlan> Plan(const ModelInfo& info, const ModelCard& card = {}) {
  const auto attachment = ServingPlan::Create(info, card, kFiles);
  EXPECT_TRUE(attachment.ok()) << attachment.status();
  return std::static_pointer_cast<const ServingPlan>(attachment.value());
}

TEST(ServingPlanTest, AnImageModelHasAFormatAndAPostprocessorATask) {
  const auto plan = Plan(FirstPixelInfo());
  ASSERT_TRUE(plan->image_inputs().ok());
  EXPECT_TRUE(plan->image_inputs()->format.rgb);
  EXPECT_EQ(plan->input_bytes(), 48U);
  EXPECT_TRUE(plan->postprocessor(Task::kInference).Check({}).ok());
  EXPECT_TRUE(plan->postprocessor(Task::kClassify).Check({}).ok());
  for (const Task task : {Task::kDetect, Task::kSegment}) {
    EXPECT_EQ(plan->postprocessor(task).Check({}).code(), absl::StatusCode::kFailedPrecondition) << TaskName(task);
  }
}

TEST(ServingPlanTest, AModelThatTakesNoImageIsServedNevertheless) {
  const auto plan = Plan(FakeModelInfo(1));
  EXPECT_EQ(plan->image_inputs().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(plan->input_bytes(), 0U);
  EXPECT_TRUE(plan->postprocessor(Task::kInference).Check({}).ok());
}

TEST(ServingPlanTest, TooFewLabelsAreWarnedOf) {
  const ModelInfo info = FirstPixelInfo();
  const auto classes = static_cast<std::size_t>(info.signature.outputs.front().shape.back());
  ASSERT_GT(classes, 1U);
  for (const bool too_few : {false, true}) {
    ModelCard card;
    card.labels.resize(too_few ? classes - 1 : classes, "x");
    testing::internal::CaptureStderr();
    Plan(info, card);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(log.find("/m/a.toml: its labels name") != std::string::npos, too_few) << log;
  }
}

TEST(ServingPlanTest, TheModelsOwnMetadataIsUsedAndTheCardOverridesIt) {
  ModelInfo info = FirstPixelInfo();
  info.metadata.color_order = {{ColorOrder::kBgr, Origin::kModelInfo}};
  info.metadata.scale = {{{255}, Origin::kModelInfo}};
  EXPECT_FALSE(Plan(info)->image_inputs()->format.rgb);
  EXPECT_EQ(Plan(info)->image_inputs()->format.scale[2], 255);
  ModelCard card;
  card.scale = {2};
  EXPECT_EQ(Plan(info, card)->image_inputs()->format.scale[2], 2);
  info.metadata.mean = {{{1, 2}, Origin::kModelInfo}};
  const absl::Status status = Plan(info)->image_inputs().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("the model's own metadata contradicts its input: mean has 2 values"));
  card.mean = {0};
  EXPECT_TRUE(Plan(info, card)->image_inputs().ok());
}

TEST(ServingPlanTest, SaysWhatIsAssumedOfAFloatInput) {
  for (const bool stated : {false, true}) {
    ModelInfo info = FirstPixelInfo();
    if (stated) {
      info.metadata.scale = {{{255}, Origin::kTfliteMetadata}};
    }
    testing::internal::CaptureStderr();
    Plan(info);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(log.find("/m/a.onnx: nothing states how its input is normalised") == std::string::npos, stated) << log;
  }
}

TEST(ServingPlanTest, ACardThatContradictsTheModelIsAnErrorThatNamesIt) {
  ModelCard card;
  card.mean = {1, 2};
  const absl::Status status = ServingPlan::Create(FirstPixelInfo(), card, kFiles).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("/m/a.toml"));
}

}  // namespace
}  // namespace accelerd
