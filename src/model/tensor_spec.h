#ifndef ACCELERD_MODEL_TENSOR_SPEC_H_
#define ACCELERD_MODEL_TENSOR_SPEC_H_

#include <string>
#include <vector>

#include "base/tensor.h"

namespace accelerd {

/// What a model file says of one input or output.
struct TensorSpec {
  std::string name;
  ElementType element_type = ElementType::kF32;
  Shape shape;         ///< -1: the size may vary.
  std::string layout;  ///< One letter a dimension, such as "NCHW"; empty when the file does not say.
};

/// The tensors of a model, in the file's order.
struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

}  // namespace accelerd

#endif  // ACCELERD_MODEL_TENSOR_SPEC_H_
