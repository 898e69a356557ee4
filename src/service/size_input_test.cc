#include "service/size_input.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::ElementsAre;

std::optional<SizeInput> Recognize(const std::string& name, const Shape& shape, ElementType type = ElementType::kF32) {
  return RecognizeSizeInput({.name = name, .element_type = type, .shape = shape, .layout = ""}, 1);
}

/// What the input gets for an image of 120 rows and 80 columns on an input of 60 x 100.
template <typename T>
std::vector<T> Filled(const SizeInput& input) {
  ImageFormat format;
  format.height = 60;
  format.width = 100;
  const Tensor tensor = Tensor::Allocate(input.element_type, input.shape).value();
  FillSizeInput(input, format, {.rows = 120, .cols = 80}, tensor);
  const std::span<T> elements = tensor.elements<T>();
  return {elements.begin(), elements.end()};
}

TEST(SizeInputTest, EveryKind) {
  EXPECT_THAT(Filled<float>(*Recognize("image_info", {1, 3})), ElementsAre(60, 100, 1));
  EXPECT_THAT(Filled<float>(*Recognize("head/IM_INFO:0", {-1, -1})), ElementsAre(60, 100, 1));
  EXPECT_THAT(Filled<double>(*Recognize("im_shape", {2}, ElementType::kF64)), ElementsAre(60, 100));
  EXPECT_THAT(Filled<float>(*Recognize("scale_factor", {1, 2})), ElementsAre(0.5F, 1.25F));
  EXPECT_THAT(Filled<std::int64_t>(*Recognize("orig_target_sizes", {1, 2}, ElementType::kI64)), ElementsAre(80, 120));
  EXPECT_THAT(Filled<std::int32_t>(*Recognize("image_info", {2, 3}, ElementType::kI32)),
              ElementsAre(60, 100, 1, 60, 100, 1));
}

TEST(SizeInputTest, OtherInputs) {
  EXPECT_FALSE(Recognize("data", {1, 3}));
  EXPECT_FALSE(Recognize("image_info", {1, 4}));
  EXPECT_FALSE(Recognize("image_info", {}));
  EXPECT_FALSE(Recognize("image_info", {1, 1, 3}));
  EXPECT_FALSE(Recognize("image_info", {1, 3}, ElementType::kU8));
  EXPECT_FALSE(Recognize("scale_factor", {1, 2}, ElementType::kI32)) << "an integer cannot hold a scale";
}

}  // namespace
}  // namespace accelerd
