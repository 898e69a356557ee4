#ifndef ACCELERD_BASE_ELEMENTS_H_
#define ACCELERD_BASE_ELEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/tensor.h"

namespace accelerd {

/// IEEE 754 half precision, and the upper half of a float, to float: exact.
float HalfToFloat(std::uint16_t bits);
float Bfloat16ToFloat(std::uint16_t bits);

/// The first `count` elements as float, rounded where a float cannot hold them. REQUIRES: the tensor has as many.
std::vector<float> ToFloats(const Tensor& tensor, std::size_t count);

/// Undoes a quantisation in place: value = (value - zero_point) * scale.
void Dequantize(std::vector<float>* values, float scale, float zero_point);

/// Calls `visit` with the tensor's elements as a span of the C++ type that holds them: bool and u8 as std::uint8_t, f16
/// and bf16 as float (converted). Returns what it returns.
template <typename Visit>
auto VisitElements(const Tensor& tensor, Visit visit) {
  switch (tensor.element_type()) {
    case ElementType::kBool:
    case ElementType::kU8:
      return visit(std::span<const std::uint8_t>(tensor.elements<std::uint8_t>()));
    case ElementType::kI8:
      return visit(std::span<const std::int8_t>(tensor.elements<std::int8_t>()));
    case ElementType::kU16:
      return visit(std::span<const std::uint16_t>(tensor.elements<std::uint16_t>()));
    case ElementType::kI16:
      return visit(std::span<const std::int16_t>(tensor.elements<std::int16_t>()));
    case ElementType::kU32:
      return visit(std::span<const std::uint32_t>(tensor.elements<std::uint32_t>()));
    case ElementType::kI32:
      return visit(std::span<const std::int32_t>(tensor.elements<std::int32_t>()));
    case ElementType::kU64:
      return visit(std::span<const std::uint64_t>(tensor.elements<std::uint64_t>()));
    case ElementType::kI64:
      return visit(std::span<const std::int64_t>(tensor.elements<std::int64_t>()));
    case ElementType::kF64:
      return visit(std::span<const double>(tensor.elements<double>()));
    case ElementType::kF32:
      return visit(std::span<const float>(tensor.elements<float>()));
    case ElementType::kF16:
    case ElementType::kBf16:
      break;
  }
  const std::vector<float> values = ToFloats(tensor, tensor.byte_size() / sizeof(std::uint16_t));
  return visit(std::span<const float>(values));
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_ELEMENTS_H_
