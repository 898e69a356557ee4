#include "backend/isolated/run_tensors.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

#include "backend/check_tensors.h"
#include "base/shared_memory.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

bool IsShared(const Tensor& tensor) {
  return !tensor.empty() && tensor.buffer()->shared() != nullptr;
}

absl::StatusOr<Tensor> AllocateLike(const Tensor& tensor, BufferPool& pool) {
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, pool.Allocate(tensor.byte_size()));
  return Tensor(tensor.element_type(), tensor.shape(), std::move(buffer));
}

}  // namespace

absl::StatusOr<Tensors> ShareInputs(const Tensors& inputs, BufferPool& pool) {
  Tensors shared;
  for (const Tensor& input : inputs) {
    if (IsShared(input)) {
      shared.push_back(input);
      continue;
    }
    ACCELERD_ASSIGN_OR_RETURN(shared.emplace_back(), AllocateLike(input, pool));
    std::ranges::copy(input.bytes(), shared.back().bytes().begin());
  }
  return shared;
}

absl::StatusOr<Tensors> StageOutputs(const Tensors& outputs, BufferPool& pool) {
  Tensors staged(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].empty()) {
      ACCELERD_ASSIGN_OR_RETURN(staged[i], AllocateLike(outputs[i], pool));
    }
  }
  return staged;
}

std::uint32_t ChecksumOf(const Tensors& tensors) {
  uLong checksum = crc32_z(0, nullptr, 0);
  for (const Tensor& tensor : tensors) {
    if (!tensor.empty()) {
      checksum = crc32_z(checksum, reinterpret_cast<const Bytef*>(tensor.bytes().data()), tensor.byte_size());
    }
  }
  return static_cast<std::uint32_t>(checksum);
}

TensorPlace PlaceOf(const Tensor& tensor) {
  if (tensor.empty()) {
    return {};
  }
  const SharedSlice& slice = *tensor.buffer()->shared();
  return {tensor.element_type(), tensor.shape(), slice.region->id(), slice.offset, tensor.byte_size()};
}

absl::StatusOr<RunResult> ResultOf(const Signature& signature, const Tensors& staged_outputs, Tensors outputs,
                                   std::string_view body) {
  absl::StatusOr<DoneMessage> message = DecodeDone(body);
  if (absl::IsResourceExhausted(message.status())) {
    return message.status();
  }
  if (!message.ok()) {
    return absl::DataLossError(message.status().message());
  }
  ACCELERD_RETURN_IF_ERROR(message->status);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].empty()) {
      std::ranges::copy(staged_outputs[i].bytes(), outputs[i].bytes().begin());
    }
  }
  if (ChecksumOf(outputs) != message->checksum) {
    return absl::DataLossError("changed outputs after it had computed them");
  }
  auto made = message->made.begin();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].empty()) {
      continue;
    }
    if (made == message->made.end() || !Fits(signature.outputs.at(i), *made)) {
      return absl::DataLossError(fmt::format("sent no tensor for output {}, or one that does not fit it", i));
    }
    outputs[i] = std::move(*made++);
  }
  return RunResult{std::move(outputs), message->device_time};
}

}  // namespace accelerd
