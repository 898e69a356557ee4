#include "backend/simulated/output_function.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;

const std::string kHash = "0123456789abcdef" + std::string(48, '0');

/// Bytes 0 to 10, which is no whole number of words, and two floats.
Tensors Inputs() {
  Tensors inputs = {*Tensor::Allocate(ElementType::kU8, {11}), *Tensor::Allocate(ElementType::kF32, {2})};
  for (std::size_t i = 0; i < 11; ++i) {
    inputs[0].elements<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  }
  inputs[1].elements<float>()[0] = 1.5F;
  inputs[1].elements<float>()[1] = -2.0F;
  return inputs;
}

template <typename T>
std::vector<T> Output(ElementType type, std::size_t index = 0) {
  const Tensor output = *Tensor::Allocate(type, {1, 4});
  FillOutput(InputSeed(kHash, Inputs()), index, output);
  const std::span<T> elements = output.elements<T>();
  return {elements.begin(), elements.end()};
}

// The numbers are those of simulated_outputs in docs/simulated-device.md.
TEST(OutputFunction, IsTheDocumentedOne) {
  EXPECT_THAT(Output<float>(ElementType::kF32),
              ElementsAre(0.6683903336524963F, 0.28642433881759644F, 0.9044583439826965F, 0.5224922895431519F));
  EXPECT_THAT(Output<double>(ElementType::kF64),
              ElementsAre(0.6683903336524963, 0.28642433881759644, 0.9044583439826965, 0.5224922895431519));
  EXPECT_THAT(Output<std::uint8_t>(ElementType::kBool), ElementsAre(1, 0, 1, 1));
  EXPECT_THAT(Output<std::uint8_t>(ElementType::kU8), ElementsAre(85, 36, 115, 66));
  EXPECT_THAT(Output<std::int8_t>(ElementType::kI8), ElementsAre(85, 36, 115, 66));
  EXPECT_THAT(Output<std::uint16_t>(ElementType::kU16), ElementsAre(85, 36, 115, 66));
  EXPECT_THAT(Output<std::int32_t>(ElementType::kI32), ElementsAre(85, 36, 115, 66));
  EXPECT_THAT(Output<std::int64_t>(ElementType::kI64), ElementsAre(85, 36, 115, 66));
  EXPECT_EQ(Output<float>(ElementType::kF32, 1)[0], 0.3542885184288025F);
}

TEST(OutputFunction, WritesHalvesAndBfloats) {
  EXPECT_THAT(Output<std::uint16_t>(ElementType::kF16), ElementsAre(0x3958, 0x3494, 0x3B3C, 0x382E));
  std::vector<float> bfloats;
  for (const std::uint16_t bits : Output<std::uint16_t>(ElementType::kBf16)) {
    bfloats.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U));
  }
  EXPECT_THAT(bfloats, ElementsAre(0.66796875F, 0.28515625F, 0.90234375F, 0.51953125F));
}

/// The first value of an f64 output for u16 values 0, 1, 2 ….
double FirstValue(std::int64_t size) {
  const Tensor input = *Tensor::Allocate(ElementType::kU16, {size});
  for (std::int64_t i = 0; i < size; ++i) {
    input.elements<std::uint16_t>()[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(i);
  }
  const Tensor output = *Tensor::Allocate(ElementType::kF64, {1});
  FillOutput(InputSeed(kHash, {input}), 0, output);
  return output.elements<double>()[0];
}

TEST(OutputFunction, TakesInputsOfManyBlocksAndOfNone) {
  EXPECT_EQ(FirstValue(1000), 0.3095514178276062);
  EXPECT_EQ(FirstValue(0), 0.5582188367843628);
}

TEST(OutputFunction, WritesEveryStepOfAHalf) {
  // Many values, so that the least ones and 0 are among them: each is a multiple of 2^-11 under 1.
  const Tensor output = *Tensor::Allocate(ElementType::kF16, {20000});
  FillOutput(1, 0, output);
  std::set<int> seen;
  for (const std::uint16_t bits : output.elements<std::uint16_t>()) {
    const double value = bits == 0 ? 0 : std::ldexp(1024 + (bits & 0x3FF), (bits >> 10) - 25);
    const double steps = value * 2048;
    ASSERT_EQ(steps, std::floor(steps)) << bits;
    seen.insert(static_cast<int>(steps));
  }
  EXPECT_EQ(seen.size(), 2048);
  EXPECT_EQ(*seen.begin(), 0);
  EXPECT_EQ(*seen.rbegin(), 2047);
}

TEST(OutputFunction, EveryBitOfEveryInputMatters) {
  std::set<std::uint64_t> seeds = {InputSeed(kHash, Inputs())};
  std::size_t changes = 1;
  for (std::size_t input = 0; input < 2; ++input) {
    for (std::size_t bit = 0; bit < Inputs()[input].byte_size() * 8; ++bit, ++changes) {
      const Tensors changed = Inputs();
      changed[input].bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
      seeds.insert(InputSeed(kHash, changed));
    }
  }
  EXPECT_EQ(seeds.size(), changes);
}

TEST(OutputFunction, OrderAndModelMatter) {
  const std::uint64_t seed = InputSeed(kHash, Inputs());
  Tensors swapped = Inputs();
  std::swap(swapped[0], swapped[1]);
  EXPECT_NE(InputSeed(kHash, swapped), seed);
  EXPECT_NE(InputSeed("1123456789abcdef", Inputs()), seed);

  // Rows of a picture that change places.
  const Tensor picture = *Tensor::Allocate(ElementType::kU8, {4, 1024});
  const std::span<std::byte> bytes = picture.bytes();
  std::ranges::fill(bytes.subspan(0, 1024), std::byte{7});
  const std::uint64_t before = InputSeed(kHash, {picture});
  std::swap_ranges(bytes.begin(), bytes.begin() + 1024, bytes.begin() + 2048);
  EXPECT_NE(InputSeed(kHash, {picture}), before);
}

TEST(OutputFunction, WrongOutputsDiffer) {
  const std::uint64_t seed = InputSeed(kHash, Inputs());
  const Tensor right = *Tensor::Allocate(ElementType::kF32, {100});
  const Tensor wrong = *Tensor::Allocate(ElementType::kF32, {100});
  FillOutput(seed, 0, right);
  FillOutput(seed, 0, wrong, /*wrong=*/true);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(std::abs(right.elements<float>()[i] - wrong.elements<float>()[i]), 0.5F);
  }
}

template <typename T>
void ExpectBoxes(ElementType type, const Shape& shape, const std::string& name, std::size_t left) {
  const Tensor output = *Tensor::Allocate(type, shape);
  FillOutput(1, 0, output, false, name);
  const std::span<T> elements = output.elements<T>();
  const auto columns = static_cast<std::size_t>(shape.back());
  std::set<T> lefts;
  for (std::size_t i = 0; i < elements.size(); i += columns) {
    const std::span<T> row = elements.subspan(i, columns);
    EXPECT_TRUE(0 <= row[left] && row[left] < row[left + 2] && row[left + 2] <= 1);
    EXPECT_TRUE(0 <= row[left + 1] && row[left + 1] < row[left + 3] && row[left + 3] <= 1);
    lefts.insert(row[left]);
    if (left == 3) {
      EXPECT_EQ(row[0], 0);
      EXPECT_TRUE(row[1] == 1 || row[1] == 2 || row[1] == 3 || row[1] == 4) << row[1];
      EXPECT_TRUE(0 <= row[2] && row[2] < 1);
    }
  }
  EXPECT_GT(lefts.size(), elements.size() / columns / 2) << "the boxes are not all alike";
}

TEST(OutputFunction, BoxesCanBeDrawn) {
  for (const Shape& shape : {Shape{1, 1, 100, 7}, Shape{1, 100, 7}, Shape{100, 7}}) {
    ExpectBoxes<float>(ElementType::kF32, shape, "", 3);
    ExpectBoxes<double>(ElementType::kF64, shape, "", 3);
  }
  ExpectBoxes<float>(ElementType::kF32, {100, 4}, "boxes", 0);
  ExpectBoxes<float>(ElementType::kF32, {1, 100, 5}, "dets", 0);
}

TEST(OutputFunction, WrongRowsDiffer) {
  const Tensor right = *Tensor::Allocate(ElementType::kF32, {1, 1, 9, 7});
  const Tensor wrong = *Tensor::Allocate(ElementType::kF32, {1, 1, 9, 7});
  FillOutput(1, 0, right);
  FillOutput(1, 0, wrong, /*wrong=*/true);
  for (std::size_t i = 0; i < right.elements<float>().size(); ++i) {
    EXPECT_EQ(right.elements<float>()[i] == wrong.elements<float>()[i], i % 7 == 0);
  }
}

}  // namespace
}  // namespace accelerd
