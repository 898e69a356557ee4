#ifndef ACCELERD_BACKEND_CHECK_TENSORS_H_
#define ACCELERD_BACKEND_CHECK_TENSORS_H_

#include "base/tensor.h"
#include "model/tensor_spec.h"

namespace accelerd {

/// Whether a shape allows for no other: no size in it varies.
bool IsStatic(const Shape& shape);

/// Whether a tensor is one that `spec` allows for. REQUIRES: it is not empty.
bool Fits(const TensorSpec& spec, const Tensor& tensor);

/// Whether CompiledModel::Start may be called with these tensors on a model with this signature. kInvalidArgument names
/// the tensor, what it is and what it should be.
absl::Status CheckTensors(const Signature& signature, const Tensors& inputs, const Tensors& outputs);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_CHECK_TENSORS_H_
