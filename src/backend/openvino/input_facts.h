#ifndef ACCELERD_BACKEND_OPENVINO_INPUT_FACTS_H_
#define ACCELERD_BACKEND_OPENVINO_INPUT_FACTS_H_

#include <vector>

#include "model/model_info.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// Reads what the graph behind each input says about the input's values.
///
/// Follows the input through conversions and transpositions to the quantisation that the exporters write: a
/// FakeQuantize, or the subtraction of a zero point and the multiplication by a scale.
std::vector<InputFacts> ReadInputFacts(const ov::Model& model);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_INPUT_FACTS_H_
