#ifndef ACCELERD_BACKEND_OPENVINO_OUTPUT_FACTS_H_
#define ACCELERD_BACKEND_OPENVINO_OUTPUT_FACTS_H_

#include <vector>

#include "model/model_info.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// What the graph before each output says about its values.
///
/// Walks back from the output through conversions, reshapes and quantisation, as long as each value is a linear
/// function of one value before, to the softmax or sigmoid that made them.
std::vector<OutputFacts> ReadOutputFacts(const ov::Model& model);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_OUTPUT_FACTS_H_
