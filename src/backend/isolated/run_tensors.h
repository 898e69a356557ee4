#ifndef ACCELERD_BACKEND_ISOLATED_RUN_TENSORS_H_
#define ACCELERD_BACKEND_ISOLATED_RUN_TENSORS_H_

/// \file
/// The tensors of a run on their way to a worker and back.

#include <string_view>

#include "backend/backend.h"
#include "backend/isolated/messages.h"
#include "base/buffer.h"

namespace accelerd {

/// The tensors in shared memory: those that lie elsewhere are copied into buffers of `pool`. REQUIRES: none is empty.
absl::StatusOr<Tensors> ShareInputs(const Tensors& inputs, BufferPool& pool);

/// Tensors in shared memory that the worker can write to in the place of `outputs`: themselves where they lie there, or
/// are empty.
absl::StatusOr<Tensors> ShareOutputs(const Tensors& outputs, BufferPool& pool);

/// REQUIRES: the tensor is empty, or lies in shared memory.
TensorPlace PlaceOf(const Tensor& tensor);

/// What the body of a `done` says of a run with these outputs (of WorkerRun), which are completed. The error of the
/// run, or kDataLoss: the message makes no sense.
absl::StatusOr<RunResult> ResultOf(const Signature& signature, const Tensors& shared_outputs, Tensors outputs,
                                   std::string_view body);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_RUN_TENSORS_H_
