#include "backend/openvino/output_facts.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "openvino/op/constant.hpp"
#include "openvino/op/convert.hpp"
#include "openvino/op/divide.hpp"
#include "openvino/op/fake_quantize.hpp"
#include "openvino/op/multiply.hpp"
#include "openvino/op/reshape.hpp"
#include "openvino/op/sigmoid.hpp"
#include "openvino/op/softmax.hpp"
#include "openvino/op/squeeze.hpp"
#include "openvino/op/subtract.hpp"
#include "openvino/op/transpose.hpp"
#include "openvino/op/unsqueeze.hpp"

namespace accelerd::openvino {
namespace {

/// y = factor * x + offset.
struct Linear {
  double factor = 1;
  double offset = 0;

  /// This function of what `before` yields.
  Linear After(const Linear& before) const { return {factor * before.factor, factor * before.offset + offset}; }
};

/// One step towards the input of the graph.
struct Step {
  ov::Output<ov::Node> from;
  Linear function;
};

/// The value of a constant whose elements are all the same, also behind a conversion.
std::optional<double> UniformConstant(const ov::Output<ov::Node>& output) {
  std::shared_ptr<ov::Node> node = output.get_node_shared_ptr();
  if (ov::is_type<ov::op::v0::Convert>(node)) {
    node = node->get_input_node_shared_ptr(0);
  }
  const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node);
  constexpr std::size_t kMaxElements = 1U << 16U;
  if (constant == nullptr || ov::shape_size(constant->get_shape()) > kMaxElements) {
    return std::nullopt;
  }
  const std::vector<double> values = constant->cast_vector<double>();
  const bool uniform = !values.empty() && std::ranges::all_of(values, [&](double v) { return v == values.front(); });
  return uniform && std::isfinite(values.front()) ? std::optional(values.front()) : std::nullopt;
}

std::optional<Step> StepThroughMultiply(const ov::Node& node) {
  for (const std::size_t constant : {1, 0}) {
    if (const std::optional<double> factor = UniformConstant(node.input_value(constant))) {
      return Step{node.input_value(1 - constant), {*factor, 0}};
    }
  }
  return std::nullopt;
}

std::optional<Step> StepThroughFakeQuantize(const ov::Node& node) {
  const std::optional<double> in_low = UniformConstant(node.input_value(1));
  const std::optional<double> in_high = UniformConstant(node.input_value(2));
  const std::optional<double> out_low = UniformConstant(node.input_value(3));
  const std::optional<double> out_high = UniformConstant(node.input_value(4));
  if (!in_low || !in_high || !out_low || !out_high || *in_low >= *in_high) {
    return std::nullopt;
  }
  const double factor = (*out_high - *out_low) / (*in_high - *in_low);
  return Step{node.input_value(0), {factor, *out_low - factor * *in_low}};
}

std::optional<Step> StepBack(const std::shared_ptr<ov::Node>& node) {
  if (ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Reshape>(node) ||
      ov::is_type<ov::op::v0::Squeeze>(node) || ov::is_type<ov::op::v15::Squeeze>(node) ||
      ov::is_type<ov::op::v0::Unsqueeze>(node) || ov::is_type<ov::op::v1::Transpose>(node)) {
    return Step{node->input_value(0), {}};
  }
  if (ov::is_type<ov::op::v1::Multiply>(node)) {
    return StepThroughMultiply(*node);
  }
  if (ov::is_type<ov::op::v0::FakeQuantize>(node)) {
    return StepThroughFakeQuantize(*node);
  }
  if (ov::is_type<ov::op::v1::Divide>(node)) {
    const std::optional<double> divisor = UniformConstant(node->input_value(1));
    return divisor && *divisor != 0 ? std::optional(Step{node->input_value(0), {1 / *divisor, 0}}) : std::nullopt;
  }
  if (ov::is_type<ov::op::v1::Subtract>(node)) {
    const std::optional<double> subtrahend = UniformConstant(node->input_value(1));
    return subtrahend ? std::optional(Step{node->input_value(0), {1, -*subtrahend}}) : std::nullopt;
  }
  return std::nullopt;
}

bool MakesProbabilities(const std::shared_ptr<ov::Node>& node) {
  return ov::is_type<ov::op::v1::Softmax>(node) || ov::is_type<ov::op::v8::Softmax>(node) ||
         ov::is_type<ov::op::v0::Sigmoid>(node);
}

OutputFacts FactsThatUndo(const Linear& function, bool probabilities) {
  OutputFacts facts;
  facts.probabilities = probabilities;
  facts.scale = static_cast<float>(1 / function.factor);
  // The rounding of the ranges leaves an offset of a fraction of one quantum.
  constexpr double kNoise = 1e-3;
  facts.zero_point =
      std::abs(function.offset) < kNoise * std::abs(function.factor) ? 0.0F : static_cast<float>(function.offset);
  return facts;
}

OutputFacts FactsOf(const ov::Output<ov::Node>& result) {
  Linear function;                  // The output as a function of the value reached so far.
  std::optional<Linear> quantised;  // The same, where the first quantisation was passed.
  std::shared_ptr<ov::Node> node = result.get_node_shared_ptr();
  for (std::optional<Step> step = Step{node->input_value(0), {}}; step; step = StepBack(node)) {
    function = function.After(step->function);
    if (function.factor == 0 || !std::isfinite(function.factor)) {
      return {};
    }
    if (ov::is_type<ov::op::v0::FakeQuantize>(node)) {
      quantised = quantised.value_or(function);
    }
    node = step->from.get_node_shared_ptr();
    if (MakesProbabilities(node)) {
      return FactsThatUndo(function, true);
    }
  }
  return quantised && result.get_element_type().is_integral() ? FactsThatUndo(*quantised, false) : OutputFacts();
}

}  // namespace

std::vector<OutputFacts> ReadOutputFacts(const ov::Model& model) {
  std::vector<OutputFacts> facts;
  for (const std::shared_ptr<ov::op::v0::Result>& result : model.get_results()) {
    facts.push_back(FactsOf(result->output(0)));
  }
  return facts;
}

}  // namespace accelerd::openvino
