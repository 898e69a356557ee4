#ifndef ACCELERD_BACKEND_OPENVINO_CONSTANTS_H_
#define ACCELERD_BACKEND_OPENVINO_CONSTANTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "openvino/core/node.hpp"

namespace accelerd::openvino {

/// y = factor * x + offset.
struct Linear {
  double factor = 1;
  double offset = 0;

  /// Returns this function of what `before` yields.
  Linear After(const Linear& before) const { return {factor * before.factor, factor * before.offset + offset}; }
};

/// Returns the value of a constant whose elements are all the same, also behind a conversion; nullopt for anything
/// else, for values that are not finite, and for constants of more than 65,536 elements.
std::optional<double> UniformConstant(const ov::Output<ov::Node>& output);

/// Returns the elements of a constant of at most 16 elements, such as axes and orders; nullopt for anything else.
std::optional<std::vector<std::int64_t>> SmallIntegers(const ov::Output<ov::Node>& output);

/// Returns what a FakeQuantize with uniform bounds computes, its rounding and clamping apart; nullopt for another one.
/// REQUIRES: `node` is a FakeQuantize.
std::optional<Linear> FakeQuantizeFunction(const ov::Node& node);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_CONSTANTS_H_
