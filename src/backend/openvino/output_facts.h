#ifndef ACCELERD_BACKEND_OPENVINO_OUTPUT_FACTS_H_
#define ACCELERD_BACKEND_OPENVINO_OUTPUT_FACTS_H_

#include <vector>

#include "model/model_info.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// Reads what the graph before each output says about its values.
///
/// Walks back from the output through conversions, reshapes, selections, interpolations and quantisation, as long as
/// each value is a linear function of values before, to the operation that made them: a softmax or sigmoid, a choice of
/// the best class, a DetectionOutput. The dimension of the classes is found by FindClassAxis (class_axis.h).
std::vector<OutputFacts> ReadOutputFacts(const ov::Model& model);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_OUTPUT_FACTS_H_
