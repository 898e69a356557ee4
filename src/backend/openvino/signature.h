#ifndef ACCELERD_BACKEND_OPENVINO_SIGNATURE_H_
#define ACCELERD_BACKEND_OPENVINO_SIGNATURE_H_

#include <cstddef>

#include "base/status.h"
#include "model/tensor_spec.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// Inputs and outputs of known size above this are refused: the runtime would accept dimensions that no machine has
/// memory for.
inline constexpr std::size_t kMaxTensorBytes = std::size_t{1} << 30U;

/// The inputs and outputs of a model: named by their first tensor name, else as their node is called; layouts where the
/// model says them. kInvalidArgument for an unsupported element type, an unknown number of dimensions, a tensor above
/// kMaxTensorBytes.
absl::StatusOr<Signature> ReadSignature(const ov::Model& model);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_SIGNATURE_H_
