#ifndef ACCELERD_ENGINE_CANARY_H_
#define ACCELERD_ENGINE_CANARY_H_

#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/tensor.h"
#include "model/tensor_spec.h"

namespace accelerd {

/// \file
/// An inference on a fixed input, whose outputs tell whether a device computes what it computed before.

/// A few thousand values of an output, evenly spread over it.
struct OutputSample {
  Shape shape;
  bool integer = false;  ///< Classes or counts, which are equal or not.
  std::vector<double> values;
};

/// One for each output of the model.
using CanaryOutputs = std::vector<OutputSample>;

/// The fixed input: for floating point values from 0 (half precision: 0.5) to under 1, for u8 all values, for other
/// integers 0 and 1, which are valid indices. Sizes that may vary are 1. New memory. kResourceExhausted,
/// kInvalidArgument: as Tensor::Allocate.
absl::StatusOr<Tensors> MakeCanaryInputs(const Signature& signature);

CanaryOutputs SampleOutputs(const Tensors& outputs);

/// Runs the canary on a model on which nothing else runs, and waits for its end. kUnavailable: the device is lost.
/// Other errors: the model does not take this input.
absl::StatusOr<CanaryOutputs> RunCanary(CompiledModel& model);

/// Whether the outputs are those of the reference: integers but for 1 %, floating point within 2 % of the largest
/// value, as a device may round otherwise after a restart, or distribute work among threads otherwise. Says what
/// differs.
absl::Status CompareCanary(const CanaryOutputs& reference, const CanaryOutputs& outputs);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_CANARY_H_
