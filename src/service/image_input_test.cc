#include "service/image_input.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

Signature OneInput(Shape shape, ElementType type = ElementType::kF32, std::string layout = "") {
  return {.inputs = {{.name = "input", .element_type = type, .shape = std::move(shape), .layout = std::move(layout)}},
          .outputs = {}};
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
  const Signature ambiguous = OneInput({1, 3, 3, 3}, ElementType::kF32, "NHWC");
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
  Signature two = OneInput({1, 3, 8, 8});
  two.inputs.push_back(two.inputs.front());
  for (const Signature& signature :
       {two, OneInput({1, 10}), OneInput({1, 7, 8, 9}), OneInput({1, 3, 8, 8}, ElementType::kI64), Signature()}) {
    EXPECT_EQ(ResolveImageFormat(signature, {}, ModelFormat::kOnnx).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace accelerd
