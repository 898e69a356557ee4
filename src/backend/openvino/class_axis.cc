#include "backend/openvino/class_axis.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "backend/openvino/constants.h"
#include "openvino/op/batch_to_space.hpp"
#include "openvino/op/clamp.hpp"
#include "openvino/op/concat.hpp"
#include "openvino/op/constant.hpp"
#include "openvino/op/convert.hpp"
#include "openvino/op/depth_to_space.hpp"
#include "openvino/op/fake_quantize.hpp"
#include "openvino/op/hard_sigmoid.hpp"
#include "openvino/op/log_softmax.hpp"
#include "openvino/op/one_hot.hpp"
#include "openvino/op/prelu.hpp"
#include "openvino/op/slice.hpp"
#include "openvino/op/softmax.hpp"
#include "openvino/op/split.hpp"
#include "openvino/op/strided_slice.hpp"
#include "openvino/op/transpose.hpp"
#include "openvino/op/util/avg_pool_base.hpp"
#include "openvino/op/util/binary_elementwise_arithmetic.hpp"
#include "openvino/op/util/convolution_backprop_base.hpp"
#include "openvino/op/util/convolution_base.hpp"
#include "openvino/op/util/interpolate_base.hpp"
#include "openvino/op/util/max_pool_base.hpp"
#include "openvino/op/util/pad_base.hpp"
#include "openvino/op/util/unary_elementwise_arithmetic.hpp"
#include "openvino/op/variadic_split.hpp"

namespace accelerd::openvino {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;

constexpr std::size_t kImageRank = 4;

std::optional<std::int64_t> RankOf(const ov::Output<ov::Node>& value) {
  const ov::Rank rank = value.get_partial_shape().rank();
  return rank.is_static() ? std::optional(rank.get_length()) : std::nullopt;
}

/// The dimension of the node's first output that its kind says to be the channels.
std::optional<std::int64_t> ChannelsByKind(const NodePtr& node) {
  if (ov::is_type<ov::op::util::ConvolutionFwdPropBase>(node) ||
      ov::is_type<ov::op::util::ConvolutionBackPropBase>(node) || ov::is_type<ov::op::util::MaxPoolBase>(node) ||
      ov::is_type<ov::op::util::AvgPoolBase>(node) || ov::is_type<ov::op::v0::DepthToSpace>(node)) {
    return 1;
  }
  if (const auto softmax = ov::as_type_ptr<ov::op::v1::Softmax>(node)) {
    return static_cast<std::int64_t>(softmax->get_axis());
  }
  if (const auto softmax = ov::as_type_ptr<ov::op::v8::Softmax>(node)) {
    return softmax->get_axis();
  }
  if (const auto softmax = ov::as_type_ptr<ov::op::v5::LogSoftmax>(node)) {
    return softmax->get_axis();
  }
  if (const auto one_hot = ov::as_type_ptr<ov::op::v1::OneHot>(node)) {
    return one_hot->get_axis();
  }
  return std::nullopt;
}

bool KeepsDimensions(const NodePtr& node) {
  return ov::is_type<ov::op::util::UnaryElementwiseArithmetic>(node) || ov::is_type<ov::op::v0::Convert>(node) ||
         ov::is_type<ov::op::v0::FakeQuantize>(node) || ov::is_type<ov::op::v0::Clamp>(node) ||
         ov::is_type<ov::op::v0::HardSigmoid>(node) || ov::is_type<ov::op::v0::PRelu>(node) ||
         ov::is_type<ov::op::v0::Concat>(node) || ov::is_type<ov::op::v1::Split>(node) ||
         ov::is_type<ov::op::v1::VariadicSplit>(node) || ov::is_type<ov::op::v1::StridedSlice>(node) ||
         ov::is_type<ov::op::v8::Slice>(node) || ov::is_type<ov::op::v1::BatchToSpace>(node) ||
         ov::is_type<ov::op::util::PadBase>(node) || ov::is_type<ov::op::util::InterpolateBase>(node) ||
         ov::is_type<ov::op::v1::Transpose>(node);
}

bool IsConstant(const ov::Output<ov::Node>& value) {
  NodePtr node = value.get_node_shared_ptr();
  if (ov::is_type<ov::op::v0::Convert>(node)) {
    node = node->get_input_node_shared_ptr(0);
  }
  return ov::is_type<ov::op::v0::Constant>(node);
}

/// The input of the node that has its dimensions; nullopt when the node changes them.
std::optional<ov::Output<ov::Node>> InputOfSameDimensions(const NodePtr& node, std::int64_t rank) {
  std::size_t index = 0;
  if (ov::is_type<ov::op::util::BinaryElementwiseArithmetic>(node)) {
    index = IsConstant(node->input_value(0)) ? 1 : 0;
  } else if (!KeepsDimensions(node)) {
    return std::nullopt;
  }
  const ov::Output<ov::Node> input = node->input_value(index);
  return RankOf(input) == rank ? std::optional(input) : std::nullopt;
}

/// A walk from a value to what made it, with the place of each dimension in the value where the walk began.
class Walk {
 public:
  explicit Walk(std::size_t rank) : places_(rank) { std::iota(places_.begin(), places_.end(), 0); }

  /// Takes the node into account that is passed.
  bool Pass(const NodePtr& node) {
    if (ov::is_type<ov::op::v1::Transpose>(node)) {
      return Transpose(node);
    }
    if (const auto concat = ov::as_type_ptr<ov::op::v0::Concat>(node)) {
      concatenated_.push_back(PlaceOf(concat->get_axis()));
    }
    if (ov::is_type<ov::op::util::InterpolateBase>(node) && left_by_interpolation_ < 0) {
      left_by_interpolation_ = LeftBy(node);
    }
    return true;
  }

  /// The result, where the channels were found at `axis`, or not found.
  ClassAxis Finish(std::optional<std::int64_t> axis) const {
    const int found = axis ? PlaceOf(*axis) : left_by_interpolation_;
    return {.dimension = found, .mixed = found >= 0 && std::ranges::count(concatenated_, found) != 0};
  }

 private:
  int PlaceOf(std::int64_t axis) const {
    const auto rank = static_cast<std::int64_t>(places_.size());
    const std::int64_t positive = axis < 0 ? axis + rank : axis;
    return positive >= 0 && positive < rank ? places_[static_cast<std::size_t>(positive)] : -1;
  }

  bool Transpose(const NodePtr& node) {
    const std::optional<std::vector<std::int64_t>> order = SmallIntegers(node->input_value(1));
    if (!order || order->size() != places_.size()) {
      return false;
    }
    std::vector<int> before(places_.size());
    for (std::size_t i = 0; i < places_.size(); ++i) {
      before.at(static_cast<std::size_t>((*order)[i])) = places_[i];
    }
    places_ = std::move(before);
    return true;
  }

  /// The dimension of an image that an interpolation leaves besides the batch; -1 when it cannot be told.
  int LeftBy(const NodePtr& node) const {
    const std::size_t inputs = node->get_input_size();
    const auto axes = inputs > 2 ? SmallIntegers(node->input_value(inputs - 1)) : std::nullopt;
    if (!axes || axes->size() != 2 || places_.size() != kImageRank) {
      return -1;
    }
    const std::pair<int, int> places = std::minmax(PlaceOf((*axes)[0]), PlaceOf((*axes)[1]));
    if (places == std::pair(1, 2)) {
      return 3;
    }
    return places == std::pair(2, 3) ? 1 : -1;
  }

  std::vector<int> places_;
  std::vector<int> concatenated_;
  int left_by_interpolation_ = -1;
};

}  // namespace

ClassAxis FindClassAxis(ov::Output<ov::Node> value) {
  const std::optional<std::int64_t> rank = RankOf(value);
  if (!rank) {
    return {};
  }
  Walk walk(static_cast<std::size_t>(*rank));
  while (true) {
    const NodePtr node = value.get_node_shared_ptr();
    if (const std::optional<std::int64_t> channels = ChannelsByKind(node)) {
      return walk.Finish(channels);
    }
    const std::optional<ov::Output<ov::Node>> input = InputOfSameDimensions(node, *rank);
    if (!input || !walk.Pass(node)) {
      return walk.Finish(std::nullopt);
    }
    value = *input;
  }
}

}  // namespace accelerd::openvino
