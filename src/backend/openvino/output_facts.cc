#include "backend/openvino/output_facts.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "backend/openvino/class_axis.h"
#include "backend/openvino/constants.h"
#include "openvino/op/clamp.hpp"
#include "openvino/op/convert.hpp"
#include "openvino/op/divide.hpp"
#include "openvino/op/fake_quantize.hpp"
#include "openvino/op/gather.hpp"
#include "openvino/op/hard_sigmoid.hpp"
#include "openvino/op/hsigmoid.hpp"
#include "openvino/op/logical_not.hpp"
#include "openvino/op/multiply.hpp"
#include "openvino/op/reshape.hpp"
#include "openvino/op/sigmoid.hpp"
#include "openvino/op/slice.hpp"
#include "openvino/op/softmax.hpp"
#include "openvino/op/split.hpp"
#include "openvino/op/squeeze.hpp"
#include "openvino/op/strided_slice.hpp"
#include "openvino/op/subtract.hpp"
#include "openvino/op/transpose.hpp"
#include "openvino/op/unsqueeze.hpp"
#include "openvino/op/util/binary_elementwise_comparison.hpp"
#include "openvino/op/util/binary_elementwise_logical.hpp"
#include "openvino/op/util/detection_output_base.hpp"
#include "openvino/op/util/interpolate_base.hpp"
#include "openvino/op/util/topk_base.hpp"
#include "openvino/op/variadic_split.hpp"

namespace accelerd::openvino {
namespace {

/// One step towards the input of the graph.
struct Step {
  ov::Output<ov::Node> from;
  Linear function;
};

std::optional<Step> StepThroughMultiply(const ov::Node& node) {
  for (const std::size_t constant : {1, 0}) {
    if (const std::optional<double> factor = UniformConstant(node.input_value(constant))) {
      return Step{node.input_value(1 - constant), {*factor, 0}};
    }
  }
  return std::nullopt;
}

/// Whether the node only moves, selects or interpolates the values of its first input.
bool PassesValues(const std::shared_ptr<ov::Node>& node) {
  return ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Reshape>(node) ||
         ov::is_type<ov::op::v0::Squeeze>(node) || ov::is_type<ov::op::v15::Squeeze>(node) ||
         ov::is_type<ov::op::v0::Unsqueeze>(node) || ov::is_type<ov::op::v1::Transpose>(node) ||
         ov::is_type<ov::op::v1::StridedSlice>(node) || ov::is_type<ov::op::v8::Slice>(node) ||
         ov::is_type<ov::op::v1::Split>(node) || ov::is_type<ov::op::v1::VariadicSplit>(node) ||
         ov::is_type<ov::op::v8::Gather>(node) || ov::is_type<ov::op::util::InterpolateBase>(node);
}

std::optional<Step> StepBack(const std::shared_ptr<ov::Node>& node) {
  if (PassesValues(node)) {
    return Step{node->input_value(0), {}};
  }
  if (ov::is_type<ov::op::v1::Multiply>(node)) {
    return StepThroughMultiply(*node);
  }
  if (ov::is_type<ov::op::v0::FakeQuantize>(node)) {
    const std::optional<Linear> function = FakeQuantizeFunction(*node);
    return function ? std::optional(Step{node->input_value(0), *function}) : std::nullopt;
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
  if (const auto clamp = ov::as_type_ptr<ov::op::v0::Clamp>(node)) {
    return clamp->get_min() == 0 && clamp->get_max() == 1;
  }
  return ov::is_type<ov::op::v1::Softmax>(node) || ov::is_type<ov::op::v8::Softmax>(node) ||
         ov::is_type<ov::op::v0::Sigmoid>(node) || ov::is_type<ov::op::v0::HardSigmoid>(node) ||
         ov::is_type<ov::op::v5::HSigmoid>(node);
}

/// REQUIRES: the output is of integers or `probabilities`.
OutputFacts FactsThatUndo(const Linear& function, bool probabilities) {
  OutputFacts facts;
  facts.probabilities = probabilities;
  facts.scale = static_cast<float>(1 / function.factor);
  // The rounding of the ranges leaves an offset of a fraction of one quantum.
  constexpr double kNoise = 1e-3;
  facts.zero_point =
      std::abs(function.offset) < kNoise * std::abs(function.factor) ? 0.0F : static_cast<float>(function.offset);
  facts.quantized = true;
  return facts;
}

/// Whether the values are indices that a TopK chose, or results of comparisons.
bool HoldsClassIds(ov::Output<ov::Node> value) {
  while (PassesValues(value.get_node_shared_ptr())) {
    value = value.get_node()->input_value(0);
  }
  const std::shared_ptr<ov::Node> node = value.get_node_shared_ptr();
  return (ov::is_type<ov::op::util::TopKBase>(node) && value.get_index() == 1) ||
         ov::is_type<ov::op::util::BinaryElementwiseComparison>(node) ||
         ov::is_type<ov::op::util::BinaryElementwiseLogical>(node) || ov::is_type<ov::op::v1::LogicalNot>(node);
}

bool HoldsSsdRows(const ov::Output<ov::Node>& value) {
  std::shared_ptr<ov::Node> node = value.get_node_shared_ptr();
  while (PassesValues(node)) {
    node = node->get_input_node_shared_ptr(0);
  }
  return ov::is_type<ov::op::util::DetectionOutputBase>(node);
}

/// What the graph says about the range and the quantisation of the values.
OutputFacts RangeOf(const ov::Output<ov::Node>& result) {
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

OutputFacts FactsOf(const ov::Output<ov::Node>& result) {
  const ov::Output<ov::Node> value = result.get_node()->input_value(0);
  OutputFacts facts = RangeOf(result);
  facts.class_ids = HoldsClassIds(value);
  facts.ssd_rows = HoldsSsdRows(value);
  const ClassAxis axis = FindClassAxis(value);
  facts.class_axis = axis.dimension;
  facts.mixed = axis.mixed;
  return facts;
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
