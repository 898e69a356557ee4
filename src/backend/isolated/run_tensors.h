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

/// Tensors of `pool` that the worker can write to in the place of `outputs`; empty where those are.
absl::StatusOr<Tensors> StageOutputs(const Tensors& outputs, BufferPool& pool);

/// CRC-32 (zlib's) over the bytes of the tensors that are not empty, one after the other.
std::uint32_t ChecksumOf(const Tensors& tensors);

/// REQUIRES: the tensor is empty, or lies in shared memory.
TensorPlace PlaceOf(const Tensor& tensor);

/// What the body of a `done` says of a run with these outputs (of WorkerRun), which are completed by copies of what the
/// worker wrote: it may write on, for a driver that goes astray takes a while to die. The error of the run, or
/// kDataLoss: the message makes no sense, or the copies are not what the worker had when it sent it.
absl::StatusOr<RunResult> ResultOf(const Signature& signature, const Tensors& staged_outputs, Tensors outputs,
                                   std::string_view body);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_RUN_TENSORS_H_
