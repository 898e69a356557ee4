#include "backend/openvino/constants.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "openvino/op/constant.hpp"
#include "openvino/op/convert.hpp"

namespace accelerd::openvino {
namespace {

std::shared_ptr<ov::op::v0::Constant> ConstantOf(const ov::Output<ov::Node>& output, std::size_t max_elements) {
  std::shared_ptr<ov::Node> node = output.get_node_shared_ptr();
  if (ov::is_type<ov::op::v0::Convert>(node)) {
    node = node->get_input_node_shared_ptr(0);
  }
  auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node);
  return constant != nullptr && ov::shape_size(constant->get_shape()) <= max_elements ? constant : nullptr;
}

}  // namespace

std::optional<double> UniformConstant(const ov::Output<ov::Node>& output) {
  constexpr std::size_t kMaxElements = 1U << 16U;
  const auto constant = ConstantOf(output, kMaxElements);
  if (constant == nullptr) {
    return std::nullopt;
  }
  const std::vector<double> values = constant->cast_vector<double>();
  const bool uniform = !values.empty() && std::ranges::all_of(values, [&](double v) { return v == values.front(); });
  return uniform && std::isfinite(values.front()) ? std::optional(values.front()) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> SmallIntegers(const ov::Output<ov::Node>& output) {
  constexpr std::size_t kMaxElements = 16;
  const auto constant = ConstantOf(output, kMaxElements);
  if (constant == nullptr || !constant->get_element_type().is_integral_number()) {
    return std::nullopt;
  }
  return constant->cast_vector<std::int64_t>();
}

std::optional<Linear> FakeQuantizeFunction(const ov::Node& node) {
  const std::optional<double> in_low = UniformConstant(node.input_value(1));
  const std::optional<double> in_high = UniformConstant(node.input_value(2));
  const std::optional<double> out_low = UniformConstant(node.input_value(3));
  const std::optional<double> out_high = UniformConstant(node.input_value(4));
  if (!in_low || !in_high || !out_low || !out_high || *in_low >= *in_high) {
    return std::nullopt;
  }
  const double factor = (*out_high - *out_low) / (*in_high - *in_low);
  return Linear{factor, *out_low - factor * *in_low};
}

}  // namespace accelerd::openvino
