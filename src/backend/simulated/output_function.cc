#include "backend/simulated/output_function.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <span>

namespace accelerd {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian");

/// 2^64 divided by the golden ratio: its multiples spread evenly.
constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): one to one,
/// each bit of the argument changes about half of the result's.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// Sums of the words in eight lanes: plain ones, where a change of a single word always shows, and sums of the sums so
/// far, where its place does. Only additions: compilers make them wide.
class LaneSums {
 public:
  static constexpr std::size_t kLanes = 8;
  static constexpr std::size_t kBlock = kLanes * sizeof(std::uint64_t);

  void Add(std::span<const std::byte> bytes) {
    std::size_t done = 0;
    for (; done + kBlock <= bytes.size(); done += kBlock) {
      AddBlock(bytes.data() + done);
    }
    if (done < bytes.size()) {
      std::array<std::byte, kBlock> last{};
      std::memcpy(last.data(), bytes.data() + done, bytes.size() - done);
      AddBlock(last.data());
    }
  }

  std::uint64_t MixInto(std::uint64_t seed) const {
    for (const std::uint64_t sum : sums_) {
      seed = Mix(seed + sum);
    }
    for (const std::uint64_t sum : sums_of_sums_) {
      seed = Mix(seed + sum);
    }
    return seed;
  }

 private:
  void AddBlock(const std::byte* block) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      std::uint64_t word = 0;
      std::memcpy(&word, block + lane * sizeof word, sizeof word);
      sums_[lane] += word ^ (word >> 32);
      sums_of_sums_[lane] += sums_[lane];
    }
  }

  std::array<std::uint64_t, kLanes> sums_{};
  std::array<std::uint64_t, kLanes> sums_of_sums_{};
};

/// m / 2^11 for m < 2^11, as the bits of a half.
std::uint16_t HalfBits(std::uint64_t m) {
  constexpr int kMantissaBits = 10;
  constexpr int kExponentOfLeastStep = 15 - 11;
  if (m == 0) {
    return 0;
  }
  const int exponent = static_cast<int>(std::bit_width(m)) - 1;
  const std::uint64_t mantissa = (m << (kMantissaBits - exponent)) & 0x3FF;
  return static_cast<std::uint16_t>((static_cast<std::uint64_t>(exponent + kExponentOfLeastStep) << kMantissaBits) |
                                    mantissa);
}

/// m / 2^8 for m < 2^8, as the bits of a bfloat16: the upper half of a float, whose lower half is 0 here.
std::uint16_t BfloatBits(std::uint64_t m) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(m) / 256.0F) >> 16);
}

template <typename T, typename F>
void Fill(const Tensor& output, std::uint64_t x, F value) {
  for (T& element : output.elements<T>()) {
    element = static_cast<T>(value(x));
    x += kGolden;
  }
}

/// What the columns of an output's rows are.
struct RowKind {
  std::size_t columns = 0;  ///< 0: the output has no rows of boxes.
  std::size_t left = 0;     ///< The first one of the four corners.
};

bool IsSsdRows(const Shape& shape) {
  constexpr std::int64_t kColumns = 7;
  return shape.size() >= 2 && shape.size() <= 4 && shape.back() == kColumns && shape != Shape{1, kColumns} &&
         std::all_of(shape.begin(), shape.end() - 2, [](std::int64_t size) { return size == 1; });
}

RowKind RowKindOf(const Shape& shape, std::string_view name) {
  if (IsSsdRows(shape)) {
    return {.columns = 7, .left = 3};
  }
  const bool named = name.find("box") != std::string_view::npos || name.find("dets") != std::string_view::npos;
  const bool rows = shape.size() == 2 || (shape.size() == 3 && shape[0] == 1);
  if (named && rows && (shape.back() == 4 || shape.back() == 5)) {
    return {.columns = static_cast<std::size_t>(shape.back()), .left = 0};
  }
  return {};
}

/// Writes rows with a box each. `T` represents every value exactly.
template <typename T>
void FillRows(const Tensor& output, std::uint64_t x, RowKind kind) {
  const std::span<T> elements = output.elements<T>();
  for (std::size_t i = 0; i < elements.size(); ++i, x += kGolden) {
    const std::size_t column = i % kind.columns;
    const T step = static_cast<T>(x >> 40) * static_cast<T>(0x1p-24);
    const T half_step = static_cast<T>(x >> 41) * static_cast<T>(0x1p-24);  // From 0 to under a half.
    if (column >= kind.left && column < kind.left + 4) {
      elements[i] = column < kind.left + 2 ? half_step : static_cast<T>(0.5) + half_step;
    } else if (kind.left == 0 || column == 2) {
      elements[i] = step;  // The score.
    } else {
      elements[i] = column == 0 ? static_cast<T>(0) : static_cast<T>(1 + (x >> 62));
    }
  }
}

}  // namespace

std::uint64_t InputSeed(std::string_view content_hash, const Tensors& inputs) {
  constexpr std::size_t kDigits = 16;
  const std::string_view digits = content_hash.substr(0, kDigits);
  std::uint64_t seed = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), seed, 16);
  for (const Tensor& input : inputs) {
    LaneSums sums;
    sums.Add(input.bytes());
    seed = sums.MixInto(Mix(seed + input.byte_size()));
  }
  return seed;
}

void FillOutput(std::uint64_t seed, std::size_t index, const Tensor& output, bool wrong, std::string_view name) {
  const std::uint64_t x = Mix(seed + (index + 1) * kGolden) ^ (std::uint64_t{wrong} << 63U);
  if (const RowKind kind = RowKindOf(output.shape(), name); kind.columns != 0) {
    if (output.element_type() == ElementType::kF32) {
      return FillRows<float>(output, x, kind);
    }
    if (output.element_type() == ElementType::kF64) {
      return FillRows<double>(output, x, kind);
    }
  }
  const auto integer = [](std::uint64_t bits) { return bits >> 57; };
  const auto steps = [](std::uint64_t bits) {
    return static_cast<std::int32_t>(bits >> 40);
  };  // Signed converts faster.
  switch (output.element_type()) {
    case ElementType::kF32:
      return Fill<float>(output, x, [&](std::uint64_t bits) { return static_cast<float>(steps(bits)) * 0x1p-24F; });
    case ElementType::kF64:
      return Fill<double>(output, x, [&](std::uint64_t bits) { return static_cast<double>(steps(bits)) * 0x1p-24; });
    case ElementType::kF16:
      return Fill<std::uint16_t>(output, x, [](std::uint64_t bits) { return HalfBits(bits >> 53); });
    case ElementType::kBf16:
      return Fill<std::uint16_t>(output, x, [](std::uint64_t bits) { return BfloatBits(bits >> 56); });
    case ElementType::kBool:
      return Fill<std::uint8_t>(output, x, [](std::uint64_t bits) { return bits >> 63; });
    case ElementType::kU8:
    case ElementType::kI8:
      return Fill<std::uint8_t>(output, x, integer);
    case ElementType::kU16:
    case ElementType::kI16:
      return Fill<std::uint16_t>(output, x, integer);
    case ElementType::kU32:
    case ElementType::kI32:
      return Fill<std::uint32_t>(output, x, integer);
    case ElementType::kU64:
    case ElementType::kI64:
      return Fill<std::uint64_t>(output, x, integer);
  }
}

}  // namespace accelerd
