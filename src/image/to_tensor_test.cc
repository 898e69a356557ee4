#include "image/to_tensor.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"
#include "image/resize.h"

namespace accelerd {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

const Image kTwoPixels = {1, 2, {1, 2, 3, 4, 5, 6}};

ImageFormat Format(int rows, int cols) {
  ImageFormat format;
  format.height = rows;
  format.width = cols;
  return format;
}

Tensor Convert(const Image& image, const ImageFormat& format) {
  EXPECT_TRUE(ValidateImageFormat(format).ok());
  Tensor tensor = Tensor::Allocate(format.element_type, format.shape()).value();
  EXPECT_TRUE(ImageToTensor(image, format, tensor).ok());
  return tensor;
}

TEST(ImageToTensorTest, EveryLayoutAndOrder) {
  ImageFormat format = Format(1, 2);
  EXPECT_EQ(format.shape(), (Shape{1, 3, 1, 2}));
  EXPECT_THAT(Convert(kTwoPixels, format).elements<float>(), ElementsAre(1, 4, 2, 5, 3, 6));
  format.rgb = true;
  EXPECT_THAT(Convert(kTwoPixels, format).elements<float>(), ElementsAre(3, 6, 2, 5, 1, 4));
  format.planar = false;
  EXPECT_EQ(format.shape(), (Shape{1, 1, 2, 3}));
  EXPECT_THAT(Convert(kTwoPixels, format).elements<float>(), ElementsAre(3, 2, 1, 6, 5, 4));
  format.element_type = ElementType::kU8;
  EXPECT_THAT(Convert(kTwoPixels, format).elements<std::uint8_t>(), ElementsAre(3, 2, 1, 6, 5, 4));
  format.rgb = false;
  EXPECT_THAT(Convert(kTwoPixels, format).elements<std::uint8_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
  format.planar = true;
  EXPECT_THAT(Convert(kTwoPixels, format).elements<std::uint8_t>(), ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(ImageToTensorTest, MeanAndScaleInTheModelsOrder) {
  ImageFormat format = Format(1, 2);
  format.rgb = true;
  format.mean = {1, 2, 3};
  format.scale = {2, 4, 8};
  EXPECT_THAT(Convert(kTwoPixels, format).elements<float>(), ElementsAre(1, 2.5F, 0, 0.75F, -0.25F, 0.125F));
}

/// Three grey levels, whose channels are equal.
const Image kLevels = {1, 3, {0, 0, 0, 128, 128, 128, 255, 255, 255}};

ImageFormat GreyLevels(ElementType type) {
  ImageFormat format = Format(1, 3);
  format.channels = 1;
  format.element_type = type;
  return format;
}

TEST(ImageToTensorTest, EveryElementTypeGetsTheBytesAsNumbers) {
  EXPECT_THAT(Convert(kLevels, GreyLevels(ElementType::kF64)).elements<double>(), ElementsAre(0, 128, 255));
  EXPECT_THAT(Convert(kLevels, GreyLevels(ElementType::kI32)).elements<std::int32_t>(), ElementsAre(0, 128, 255));
  EXPECT_THAT(Convert(kLevels, GreyLevels(ElementType::kI64)).elements<std::int64_t>(), ElementsAre(0, 128, 255));
  EXPECT_THAT(Convert(kLevels, GreyLevels(ElementType::kF16)).elements<std::uint16_t>(),
              ElementsAre(0, 0x5800, 0x5BF8));
  EXPECT_THAT(Convert(kLevels, GreyLevels(ElementType::kBf16)).elements<std::uint16_t>(),
              ElementsAre(0, 0x4300, 0x437F));
}

TEST(ImageToTensorTest, HalvesAreRoundedToTheNearest) {
  ImageFormat format = GreyLevels(ElementType::kF16);
  format.scale[0] = 255;
  EXPECT_THAT(Convert(kLevels, format).elements<std::uint16_t>(), ElementsAre(0, 0x3804, 0x3C00));  // 128 / 255
  format.element_type = ElementType::kBf16;
  EXPECT_THAT(Convert(kLevels, format).elements<std::uint16_t>(), ElementsAre(0, 0x3F01, 0x3F80));
}

TEST(ImageToTensorTest, SignedBytesByTheirZeroPoint) {
  ImageFormat format = GreyLevels(ElementType::kI8);
  format.quantization = Quantization{.scale = 1, .zero_point = -128};
  EXPECT_THAT(Convert(kLevels, format).elements<std::int8_t>(), ElementsAre(-128, 0, 127));
}

TEST(ImageToTensorTest, IntegersStandForNormalisedValuesAndSaturate) {
  ImageFormat format = GreyLevels(ElementType::kI8);
  format.mean[0] = 127.5F;
  format.scale[0] = 127.5F;
  format.quantization = Quantization{.scale = 1.0F / 64, .zero_point = 0};
  EXPECT_THAT(Convert(kLevels, format).elements<std::int8_t>(), ElementsAre(-64, 0, 64));
  format.quantization->scale = 1.0F / 256;
  EXPECT_THAT(Convert(kLevels, format).elements<std::int8_t>(), ElementsAre(-128, 1, 127));
  format.element_type = ElementType::kU8;
  format.quantization = Quantization{.scale = 2.0F / 255, .zero_point = 127.5F};
  EXPECT_THAT(Convert(kLevels, format).elements<std::uint8_t>(), ElementsAre(0, 128, 255));
}

TEST(ImageToTensorTest, TensorsWithoutBatchOrChannels) {
  ImageFormat format = Format(1, 2);
  format.has_batch = false;
  EXPECT_EQ(format.shape(), (Shape{3, 1, 2}));
  EXPECT_THAT(Convert(kTwoPixels, format).elements<float>(), ElementsAre(1, 4, 2, 5, 3, 6));
  format.planar = false;
  EXPECT_EQ(format.shape(), (Shape{1, 2, 3}));
  EXPECT_THAT(Convert(kTwoPixels, format).elements<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  format = GreyLevels(ElementType::kF32);
  format.has_channels = false;
  format.batch = 2;
  EXPECT_EQ(format.shape(), (Shape{2, 1, 3}));
  EXPECT_THAT(Convert(kLevels, format).elements<float>(), ElementsAre(0, 128, 255, 0, 128, 255));
  format.has_batch = false;
  EXPECT_FALSE(ValidateImageFormat(format).ok()) << "two images need a batch dimension";
  format.batch = 1;
  EXPECT_EQ(format.shape(), (Shape{1, 3}));
  EXPECT_THAT(Convert(kLevels, format).elements<float>(), ElementsAre(0, 128, 255));
}

TEST(ImageToTensorTest, BatchRepeatsTheImage) {
  ImageFormat format = Format(1, 2);
  format.batch = 3;
  const Tensor tensor = Convert(kTwoPixels, format);
  EXPECT_EQ(tensor.shape(), (Shape{3, 3, 1, 2}));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(tensor.elements<float>().subspan(i * 6, 6), ElementsAre(1, 4, 2, 5, 3, 6));
  }
}

TEST(ImageToTensorTest, GreyWeighsTheColors) {
  ImageFormat format = Format(1, 3);
  format.channels = 1;
  const Image image = {1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}};
  // 0.114, 0.587, 0.299 of 255.
  EXPECT_THAT(Convert(image, format).elements<float>(), ElementsAre(29, 150, 76));
}

TEST(ImageToTensorTest, StretchesAsResizeDoes) {
  Image image{20, 30, {}};
  const Bytes pixels = Gradient(20, 30);
  image.pixels.assign(pixels.begin(), pixels.end());
  ImageFormat format = Format(33, 17);
  format.planar = false;
  format.element_type = ElementType::kU8;
  const Image stretched = ResizeBilinear(image, 33, 17);
  EXPECT_THAT(Convert(image, format).elements<std::uint8_t>(), ElementsAreArray(stretched.pixels));
}

TEST(ValidateImageFormatTest, SaysWhatDoesNotWork) {
  const auto refused = [](auto change) {
    ImageFormat format = Format(8, 8);
    change(&format);
    return ValidateImageFormat(format).code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_FALSE(refused([](ImageFormat*) {}));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->height = 0; }));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->width = 16'385; }));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->batch = 0; }));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->channels = 4; }));
  for (const ElementType type : {ElementType::kBool, ElementType::kU16, ElementType::kI16, ElementType::kU32,
                                 ElementType::kU64, ElementType::kI8}) {
    EXPECT_TRUE(refused([type](ImageFormat* format) { format->element_type = type; })) << ElementName(type);
  }
  EXPECT_TRUE(refused([](ImageFormat* format) { format->has_channels = false; }));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->quantization = Quantization{.scale = 0}; }));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->scale[1] = 0; }));
  EXPECT_TRUE(refused([](ImageFormat* format) {
    format->element_type = ElementType::kU8;
    format->mean[0] = 1;
  }));
}

}  // namespace
}  // namespace accelerd
