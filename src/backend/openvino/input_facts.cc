#include "backend/openvino/input_facts.h"

#include <cmath>
#include <memory>
#include <optional>

#include "backend/openvino/constants.h"
#include "openvino/op/convert.hpp"
#include "openvino/op/fake_quantize.hpp"
#include "openvino/op/multiply.hpp"
#include "openvino/op/parameter.hpp"
#include "openvino/op/shape_of.hpp"
#include "openvino/op/subtract.hpp"
#include "openvino/op/transpose.hpp"

namespace accelerd::openvino {
namespace {

/// Returns the only operation that uses the value, besides those that look at its shape; null when there are several.
std::shared_ptr<ov::Node> OnlyUser(const ov::Output<ov::Node>& value) {
  std::shared_ptr<ov::Node> user;
  for (const ov::Input<ov::Node>& input : value.get_target_inputs()) {
    const std::shared_ptr<ov::Node> node = input.get_node()->shared_from_this();
    if (ov::is_type<ov::op::v0::ShapeOf>(node) || ov::is_type<ov::op::v3::ShapeOf>(node)) {
      continue;
    }
    if (user != nullptr) {
      return nullptr;
    }
    user = node;
  }
  return user;
}

bool KeepsValues(const std::shared_ptr<ov::Node>& node) {
  return ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Transpose>(node);
}

/// The constant that a node combines with its other operand, which is the first one.
std::optional<double> SecondOperand(const std::shared_ptr<ov::Node>& node) {
  return node != nullptr ? UniformConstant(node->input_value(1)) : std::nullopt;
}

InputFacts FactsOf(const ov::Output<ov::Node>& input) {
  std::shared_ptr<ov::Node> node = OnlyUser(input);
  while (node != nullptr && KeepsValues(node)) {
    node = OnlyUser(node->output(0));
  }
  std::optional<Linear> function;
  if (node != nullptr && ov::is_type<ov::op::v0::FakeQuantize>(node)) {
    function = FakeQuantizeFunction(*node);
  } else if (const bool shifts = node != nullptr && ov::is_type<ov::op::v1::Subtract>(node); shifts) {
    if (const std::optional<double> zero_point = SecondOperand(node)) {
      function = Linear{1, -*zero_point};
      node = OnlyUser(node->output(0));
    }
  }
  if (node != nullptr && ov::is_type<ov::op::v1::Multiply>(node)) {
    if (const std::optional<double> scale = SecondOperand(node)) {
      function = Linear{*scale, 0}.After(function.value_or(Linear()));
    }
  }
  if (!function || function->factor == 0 || !std::isfinite(function->factor) || !std::isfinite(function->offset)) {
    return {};
  }
  return {.quantized = true,
          .scale = static_cast<float>(function->factor),
          .zero_point = static_cast<float>(-function->offset / function->factor)};
}

}  // namespace

std::vector<InputFacts> ReadInputFacts(const ov::Model& model) {
  std::vector<InputFacts> facts;
  for (const std::shared_ptr<ov::op::v0::Parameter>& parameter : model.get_parameters()) {
    facts.push_back(FactsOf(parameter->output(0)));
  }
  return facts;
}

}  // namespace accelerd::openvino
