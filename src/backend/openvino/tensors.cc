#include "backend/openvino/tensors.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

using Pair = std::pair<ElementType, ov::element::Type_t>;

constexpr std::array<Pair, 13> kTypes = {{{ElementType::kBool, ov::element::Type_t::boolean},
                                          {ElementType::kU8, ov::element::Type_t::u8},
                                          {ElementType::kI8, ov::element::Type_t::i8},
                                          {ElementType::kU16, ov::element::Type_t::u16},
                                          {ElementType::kI16, ov::element::Type_t::i16},
                                          {ElementType::kU32, ov::element::Type_t::u32},
                                          {ElementType::kI32, ov::element::Type_t::i32},
                                          {ElementType::kU64, ov::element::Type_t::u64},
                                          {ElementType::kI64, ov::element::Type_t::i64},
                                          {ElementType::kF16, ov::element::Type_t::f16},
                                          {ElementType::kBf16, ov::element::Type_t::bf16},
                                          {ElementType::kF32, ov::element::Type_t::f32},
                                          {ElementType::kF64, ov::element::Type_t::f64}}};

}  // namespace

absl::StatusOr<ElementType> FromOpenvino(const ov::element::Type& type) {
  const auto* found = std::ranges::find(kTypes, static_cast<ov::element::Type_t>(type), &Pair::second);
  if (found == kTypes.end()) {
    return absl::InvalidArgumentError(fmt::format("elements of type {} are not supported", type.get_type_name()));
  }
  return found->first;
}

ov::element::Type ToOpenvino(ElementType type) {
  return std::ranges::find(kTypes, type, &Pair::first)->second;
}

ov::Tensor View(const Tensor& tensor) {
  return {ToOpenvino(tensor.element_type()), ov::Shape(tensor.shape().begin(), tensor.shape().end()),
          tensor.bytes().data()};
}

absl::StatusOr<Tensor> Copy(const ov::Tensor& tensor) {
  ACCELERD_ASSIGN_OR_RETURN(const ElementType type, FromOpenvino(tensor.get_element_type()));
  const ov::Shape& shape = tensor.get_shape();
  ACCELERD_ASSIGN_OR_RETURN(Tensor copy, Tensor::Allocate(type, Shape(shape.begin(), shape.end())));
  tensor.copy_to(View(copy));
  return copy;
}

}  // namespace accelerd::openvino
