#include "service/image_input.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

ModelInfo OneInput(Shape shape, ElementType type = ElementType::kF32, std::string layout = "") {
  ModelInfo info;
  info.signature.inputs = {
      {.name = "input", .element_type = type, .shape = std::move(shape), .layout = std::move(layout)}};
  return info;
}

absl::StatusOr<ImageFormat> ResolveImageFormat(const ModelInfo& info, const ModelCard& card, ModelFormat format) {
  ACCELERD_ASSIGN_OR_RETURN(const ImageInputs inputs, ResolveImageInputs(info, card, format));
  return inputs.format;
}

TEST(ImageInputTest, PlanarFloatAsTheOriginalServiceFedIt) {
  const ImageFormat format = ResolveImageFormat(OneInput({1, 3, 240, 320}), {}, ModelFormat::kOpenvinoIr).value();
  EXPECT_TRUE(format.planar);
  EXPECT_FALSE(format.rgb);
  EXPECT_EQ(format.shape(), (Shape{1, 3, 240, 320}));
}

TEST(ImageInputTest, InterleavedBytesAsTflitePublishesThem) {
  const ImageFormat format =
      ResolveImageFormat(OneInput({1, 128, 96, 3}, ElementType::kU8), {}, ModelFormat::kTflite).value();
  EXPECT_FALSE(format.planar);
  EXPECT_TRUE(format.rgb);
  EXPECT_EQ(format.width, 96);
  EXPECT_EQ(format.element_type, ElementType::kU8);
}

TEST(ImageInputTest, TheFileSaysTheLayoutAndTheCardOverridesIt) {
  const ModelInfo ambiguous = OneInput({1, 3, 3, 3}, ElementType::kF32, "NHWC");
  EXPECT_FALSE(ResolveImageFormat(ambiguous, {}, ModelFormat::kOnnx)->planar);
  ModelCard card;
  card.layout = "NCHW";
  card.color_order = ColorOrder::kBgr;
  EXPECT_TRUE(ResolveImageFormat(ambiguous, card, ModelFormat::kOnnx)->planar);
  EXPECT_FALSE(ResolveImageFormat(ambiguous, card, ModelFormat::kOnnx)->rgb);
}

TEST(ImageInputTest, OpenSizes) {
  EXPECT_EQ(ResolveImageFormat(OneInput({-1, 3, 8, 9}), {}, ModelFormat::kOnnx)->shape(), (Shape{1, 3, 8, 9}));
  const absl::Status open = ResolveImageFormat(OneInput({1, 3, -1, -1}), {}, ModelFormat::kOnnx).status();
  EXPECT_EQ(open.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(open.message()), HasSubstr("input_size"));
  ModelCard card;
  card.input_size = {64, 48};
  EXPECT_EQ(ResolveImageFormat(OneInput({1, 3, -1, -1}), card, ModelFormat::kOnnx)->shape(), (Shape{1, 3, 48, 64}));
}

TEST(ImageInputTest, SpreadsOneMeanOverTheChannels) {
  ModelCard card;
  card.mean = {127};
  card.scale = {1, 2, 4};
  const ImageFormat format = ResolveImageFormat(OneInput({1, 3, 8, 8}), card, ModelFormat::kOnnx).value();
  EXPECT_THAT(format.mean, ::testing::ElementsAre(127, 127, 127));
  EXPECT_THAT(format.scale, ::testing::ElementsAre(1, 2, 4));
}

TEST(ImageInputTest, ACardThatContradictsTheModelIsAnError) {
  ModelCard size;
  size.input_size = {64, 48};
  ModelCard mean;
  mean.mean = {1, 2};
  for (const ModelCard& card : {size, mean}) {
    EXPECT_EQ(ResolveImageFormat(OneInput({1, 3, 8, 8}), card, ModelFormat::kOnnx).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(ImageInputTest, WhatTakesNoImage) {
  ModelInfo two = OneInput({1, 3, 8, 8});
  two.signature.inputs.push_back(two.signature.inputs.front());
  for (const ModelInfo& info :
       {two, OneInput({1, 10}), OneInput({1, 7, 8, 9}), OneInput({1, 3, 8, 8}, ElementType::kU16),
        OneInput({1, 3, 8, 8}, ElementType::kBool), OneInput({1, 1, 3, 8, 8}), OneInput({10}), ModelInfo()}) {
    EXPECT_EQ(ResolveImageFormat(info, {}, ModelFormat::kOnnx).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_THAT(std::string(ResolveImageFormat(two, {}, ModelFormat::kOnnx).status().message()),
              HasSubstr("\"input\" [1,3,8,8] of f32, \"input\" [1,3,8,8] of f32"));
}

TEST(ImageInputTest, ThreeDimensionsAreGreyImagesOrOneImageWithoutABatch) {
  const auto format = [](const Shape& shape) {
    return ResolveImageFormat(OneInput(shape), {}, ModelFormat::kOnnx).value();
  };
  EXPECT_EQ(format({-1, 28, 20}).shape(), (Shape{1, 28, 20}));
  EXPECT_EQ(format({-1, 28, 20}).channels, 1);
  EXPECT_EQ(format({1, 28, 20}).height, 28);
  const ImageFormat packed = format({32, 24, 3});
  EXPECT_EQ(packed.shape(), (Shape{32, 24, 3}));
  EXPECT_FALSE(packed.planar);
  EXPECT_FALSE(packed.has_batch);
  const ImageFormat planar = format({3, 32, 24});
  EXPECT_EQ(planar.shape(), (Shape{3, 32, 24}));
  EXPECT_TRUE(planar.planar);
  EXPECT_EQ(format({28, 28, 1}).channels, 1);
}

TEST(ImageInputTest, LayoutsThatCannotBeToldAreAskedFor) {
  for (const Shape& shape : {Shape{1, 3, 224, 3}, Shape{1, 1, 28, 1}, Shape{1, 1024, 3}, Shape{-1, 1024, 3},
                             Shape{8, 28, 28}, Shape{3, 224, 3}, Shape{28, 28}}) {
    const absl::Status status = ResolveImageFormat(OneInput(shape), {}, ModelFormat::kOnnx).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << ShapeToString(shape);
    EXPECT_THAT(std::string(status.message()), HasSubstr("set layout in the TOML")) << ShapeToString(shape);
  }
  ModelCard card;
  card.layout = "NHW";
  EXPECT_EQ(ResolveImageFormat(OneInput({8, 28, 28}), card, ModelFormat::kOnnx)->batch, 8);
  card.layout = "HW";
  EXPECT_EQ(ResolveImageFormat(OneInput({28, 20}), card, ModelFormat::kOnnx)->shape(), (Shape{28, 20}));
  EXPECT_EQ(ResolveImageFormat(OneInput({1, 3, 28, 20}), card, ModelFormat::kOnnx).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "two letters for four dimensions";
}

TEST(ImageInputTest, SignedBytesAndNormalisedIntegers) {
  ModelInfo info = OneInput({1, 8, 8, 3}, ElementType::kI8);
  EXPECT_EQ(ResolveImageFormat(info, {}, ModelFormat::kTflite)->quantization->zero_point, -128);
  info.inputs = {{.quantized = true, .scale = 0.5F, .zero_point = -3}};
  EXPECT_EQ(ResolveImageFormat(info, {}, ModelFormat::kTflite)->quantization->zero_point, -128)
      << "the whole range of bytes becomes the whole range of i8";
  ModelCard card;
  card.mean = {127.5F};
  card.scale = {127.5F};
  EXPECT_EQ(ResolveImageFormat(info, card, ModelFormat::kTflite)->quantization->zero_point, -3);
  EXPECT_EQ(ResolveImageFormat(info, card, ModelFormat::kTflite)->quantization->scale, 0.5F);
  info.inputs.clear();
  EXPECT_EQ(ResolveImageFormat(info, card, ModelFormat::kTflite).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ImageInputTest, InputsThatDescribeTheImage) {
  ModelInfo info = OneInput({1, 3, 60, 102});
  info.signature.inputs.insert(
      info.signature.inputs.begin(),
      {.name = "image_info", .element_type = ElementType::kF32, .shape = {1, 3}, .layout = ""});
  const ImageInputs inputs = ResolveImageInputs(info, {}, ModelFormat::kOpenvinoIr).value();
  EXPECT_EQ(inputs.image, 1U);
  ASSERT_EQ(inputs.sizes.size(), 1U);
  EXPECT_EQ(inputs.sizes[0].index, 0U);
  info.signature.inputs.front().shape = {2, 3};
  EXPECT_EQ(ResolveImageInputs(info, {}, ModelFormat::kOpenvinoIr).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace accelerd
