#include "task/postprocessor.h"

#include <cmath>

#include "base/elements.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "task/task_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

TEST(InferenceTest, OutputWithoutItsBatchSharesTheBytes) {
  const Tensor tensor = MakeTensor<std::uint8_t>(ElementType::kU8, {2, 3}, {1, 2, 3, 4, 5, 6});
  const auto postprocessor = CreatePostprocessor(Task::kInference, OneOutput(ElementType::kU8, {-1, 3}), {});
  const auto result = postprocessor->Run(std::vector<Tensor>{tensor}, {1, 1}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const Tensor& item = std::get<Tensor>(*result);
  EXPECT_EQ(item.element_type(), ElementType::kU8);
  EXPECT_EQ(item.shape(), (Shape{3}));
  EXPECT_EQ(item.byte_size(), 3U);
  EXPECT_EQ(item.elements<std::uint8_t>()[2], 3);
  EXPECT_EQ(item.buffer(), tensor.buffer());
}

TEST(InferenceTest, ScalarStaysAndNoItemIsRefused) {
  const auto postprocessor = CreatePostprocessor(Task::kInference, OneOutput(ElementType::kF32, {}), {});
  const auto result = postprocessor->Run(std::vector<Tensor>{MakeTensor<float>(ElementType::kF32, {}, {5})}, {}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::get<Tensor>(*result).shape(), Shape{});
  const Tensor none = Tensor::Allocate(ElementType::kF32, {0, 4}).value();
  EXPECT_EQ(postprocessor->Run(std::vector<Tensor>{none}, {}, {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(InferenceTest, WithoutABatchTheWholeOutputIsAnswered) {
  const Tensor tensor = MakeTensor<float>(ElementType::kF32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const auto postprocessor =
      CreatePostprocessor(Task::kInference, OneOutput(ElementType::kF32, {-1, 3}), {}, {.has_batch = false});
  const auto result = postprocessor->Run(std::vector<Tensor>{tensor}, {1, 1}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::get<Tensor>(*result).shape(), (Shape{2, 3}));
  EXPECT_EQ(std::get<Tensor>(*result).byte_size(), 24U);
}

TEST(OutputTest, SelectedByName) {
  ModelInfo info = OneOutput(ElementType::kF32, {1, 1});
  info.signature.outputs.push_back({"boxes", ElementType::kF32, {1, 1}, ""});
  info.outputs.emplace_back();
  const std::vector<Tensor> outputs = {MakeTensor<float>(ElementType::kF32, {1, 1}, {1}),
                                       MakeTensor<float>(ElementType::kF32, {1, 1}, {2})};
  const auto postprocessor = CreatePostprocessor(Task::kInference, info, {});
  TaskOptions options;
  auto result = postprocessor->Run(outputs, {}, options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(std::get<Tensor>(*result).elements<float>()[0], 1.0F);
  options.output = "boxes";
  result = postprocessor->Run(outputs, {}, options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(std::get<Tensor>(*result).elements<float>()[0], 2.0F);
  options.output = "other";
  for (const absl::Status& status :
       {postprocessor->Run(outputs, {}, options).status(), postprocessor->Check(options)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Message(status), "the model has no output \"other\"; it has \"out\", \"boxes\"");
  }
}

TEST(OutputTest, TheSizeOfALargeResultIsKnownBeforeTheRun) {
  const ImageSize image{.rows = 30, .cols = 40};
  const auto bytes = [&](Task task, const Shape& shape) {
    return CreatePostprocessor(task, OneOutput(ElementType::kF32, shape), {})->ResultBytes(image, {});
  };
  EXPECT_EQ(bytes(Task::kInference, {1, 100, 7}), 100U * 7 * 4);
  EXPECT_EQ(bytes(Task::kInference, {2, 5}), 5U * 4) << "the first item of the batch";
  EXPECT_EQ(bytes(Task::kInference, {-1, 5}), 0U);
  EXPECT_EQ(bytes(Task::kSegment, {1, 21, 10, 10}), 30U * 40 * 4);
  EXPECT_EQ(bytes(Task::kClassify, {1, 1000}), 0U);
  EXPECT_EQ(CreatePostprocessor(Task::kInference, OneOutput(ElementType::kF32, {1, 5}), {})
                ->ResultBytes(image, {.output = "other"}),
            0U);
}

TEST(OutputTest, EmptyOutputIsAnInternalError) {
  const auto postprocessor = CreatePostprocessor(Task::kInference, OneOutput(ElementType::kF32, {1}), {});
  EXPECT_EQ(postprocessor->Run(std::vector<Tensor>(1), {}, {}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(postprocessor->Run({}, {}, {}).status().code(), absl::StatusCode::kInternal);
}

TEST(RegistryTest, CardNamesTheOnlyTask) {
  ModelCard card;
  card.task = Task::kClassify;
  const ModelInfo info = OneOutput(ElementType::kF32, {1, 1, 5, 7});
  const auto detect = CreatePostprocessor(Task::kDetect, info, card);
  EXPECT_EQ(detect->Check({}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(detect->Run({}, {}, {}).status())), HasSubstr("task = \"classify\""));
  EXPECT_TRUE(CreatePostprocessor(Task::kInference, info, card)->Check({}).ok());
  card.task = Task::kDetect;
  EXPECT_TRUE(CreatePostprocessor(Task::kDetect, info, card)->Check({}).ok());
}

TEST(ElementsTest, HalvesAreExact) {
  EXPECT_EQ(HalfToFloat(0x3C00), 1.0F);
  EXPECT_EQ(HalfToFloat(0xC000), -2.0F);
  EXPECT_EQ(HalfToFloat(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(HalfToFloat(0x03FF), std::ldexp(1023.0F, -24));
  EXPECT_EQ(HalfToFloat(0x7BFF), 65504.0F);
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_TRUE(std::isinf(HalfToFloat(0x7C00)));
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7E00)));
  EXPECT_EQ(Bfloat16ToFloat(0xC040), -3.0F);
}

TEST(ElementsTest, EveryTypeBecomesFloats) {
  EXPECT_EQ(ToFloats(MakeTensor<std::int8_t>(ElementType::kI8, {2}, {-1, 2}), 2), (std::vector<float>{-1, 2}));
  EXPECT_EQ(ToFloats(MakeTensor<std::uint16_t>(ElementType::kU16, {1}, {65535}), 1), (std::vector<float>{65535}));
  EXPECT_EQ(ToFloats(MakeTensor<std::int64_t>(ElementType::kI64, {1}, {-5}), 1), (std::vector<float>{-5}));
  EXPECT_EQ(ToFloats(MakeTensor<std::uint16_t>(ElementType::kBf16, {2}, {0x3F80, 0}), 2), (std::vector<float>{1, 0}));
  EXPECT_EQ(ToFloats(MakeTensor<std::uint8_t>(ElementType::kBool, {2}, {1, 0}), 1), (std::vector<float>{1}));
}

}  // namespace
}  // namespace accelerd
