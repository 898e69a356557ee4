#include "base/tensor.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(TensorTest, CountsBytes) {
  EXPECT_EQ(ByteSize(ElementType::kF32, {1, 3, 224, 224}).value(), 602112U);
  EXPECT_EQ(ByteSize(ElementType::kF16, {}).value(), 2U);
  EXPECT_EQ(ByteSize(ElementType::kU8, {4, 0}).value(), 0U);
}

TEST(TensorTest, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(ByteSize(ElementType::kU8, {-1, 3}).ok());
  EXPECT_FALSE(ElementCount({std::numeric_limits<std::int64_t>::max(), 2}).ok());
  EXPECT_FALSE(ByteSize(ElementType::kF64, {std::numeric_limits<std::int64_t>::max() / 2}).ok());
}

TEST(TensorTest, AllocatesZeroedAndShares) {
  const Tensor tensor = Tensor::Allocate(ElementType::kI32, {2, 2}).value();
  const Tensor copy = tensor;
  tensor.elements<std::int32_t>()[3] = 7;
  EXPECT_EQ(copy.elements<std::int32_t>()[3], 7);
  EXPECT_EQ(copy.elements<std::int32_t>()[0], 0);
  EXPECT_TRUE(Tensor().empty());
}

TEST(TensorTest, PrintsShapes) {
  EXPECT_EQ(ShapeToString({1, -1, 3}), "[1,?,3]");
  EXPECT_EQ(ShapeToString({}), "[]");
}

}  // namespace
}  // namespace accelerd
