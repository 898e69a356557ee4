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
  EXPECT_TRUE(refused([](ImageFormat* format) { format->element_type = ElementType::kF16; }));
  EXPECT_TRUE(refused([](ImageFormat* format) { format->scale[1] = 0; }));
  EXPECT_TRUE(refused([](ImageFormat* format) {
    format->element_type = ElementType::kU8;
    format->mean[0] = 1;
  }));
}

}  // namespace
}  // namespace accelerd
