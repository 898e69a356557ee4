#ifndef ACCELERD_BACKEND_OPENVINO_TENSORS_H_
#define ACCELERD_BACKEND_OPENVINO_TENSORS_H_

#include "base/tensor.h"
#include "openvino/runtime/tensor.hpp"

namespace accelerd::openvino {

/// kInvalidArgument for types that accelerd has no tensors of: strings, and elements of less than a byte.
absl::StatusOr<ElementType> FromOpenvino(const ov::element::Type& type);
ov::element::Type ToOpenvino(ElementType type);

/// The same memory as an ov::Tensor, which does not own it. REQUIRES: `tensor` is not empty.
ov::Tensor View(const Tensor& tensor);

/// A copy of `tensor` in memory of our own.
absl::StatusOr<Tensor> Copy(const ov::Tensor& tensor);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_TENSORS_H_
