#include "base/elements.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

namespace accelerd {

float HalfToFloat(std::uint16_t bits) {
  constexpr int kMantissaBits = 10;
  constexpr int kMaxExponent = 31;
  constexpr int kBias = 15;
  const int exponent = bits >> kMantissaBits & kMaxExponent;
  const int mantissa = bits & ((1 << kMantissaBits) - 1);
  float value = 0.0F;
  if (exponent == kMaxExponent) {
    value = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), 1 - kBias - kMantissaBits);
  } else {
    value = std::ldexp(static_cast<float>(mantissa + (1 << kMantissaBits)), exponent - kBias - kMantissaBits);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

float Bfloat16ToFloat(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

std::vector<float> ToFloats(const Tensor& tensor, std::size_t count) {
  std::vector<float> floats(count);
  if (tensor.element_type() == ElementType::kF16 || tensor.element_type() == ElementType::kBf16) {
    const auto convert = tensor.element_type() == ElementType::kF16 ? HalfToFloat : Bfloat16ToFloat;
    const std::span<const std::uint16_t> halves = tensor.elements<std::uint16_t>();
    std::transform(halves.begin(), halves.begin() + count, floats.begin(), convert);
    return floats;
  }
  VisitElements(tensor, [&](auto elements) {
    std::transform(elements.begin(), elements.begin() + count, floats.begin(),
                   [](auto value) { return static_cast<float>(value); });
  });
  return floats;
}

void Dequantize(std::vector<float>* values, float scale, float zero_point) {
  for (float& value : *values) {
    value = (value - zero_point) * scale;
  }
}

}  // namespace accelerd
