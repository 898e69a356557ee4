#include "backend/check_tensors.h"

#include <algorithm>
#include <string_view>

#include "fmt/core.h"

namespace accelerd {
namespace {

absl::Status CheckTensor(std::string_view kind, const TensorSpec& spec, const Tensor& tensor) {
  if (tensor.empty()) {
    return absl::InvalidArgumentError(fmt::format("{} \"{}\" has no data", kind, spec.name));
  }
  if (!Fits(spec, tensor)) {
    return absl::InvalidArgumentError(fmt::format("{} \"{}\" is {} {}; the model takes {} {}", kind, spec.name,
                                                  ElementName(tensor.element_type()), ShapeToString(tensor.shape()),
                                                  ElementName(spec.element_type), ShapeToString(spec.shape)));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(std::string_view kind, std::size_t count, std::size_t wanted) {
  if (count != wanted) {
    return absl::InvalidArgumentError(fmt::format("{} {}s were given; the model has {}", count, kind, wanted));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsStatic(const Shape& shape) {
  return std::ranges::none_of(shape, [](std::int64_t size) { return size < 0; });
}

bool Fits(const TensorSpec& spec, const Tensor& tensor) {
  return tensor.element_type() == spec.element_type &&
         std::ranges::equal(spec.shape, tensor.shape(),
                            [](std::int64_t wanted, std::int64_t size) { return wanted < 0 || wanted == size; });
}

absl::Status CheckTensors(const Signature& signature, const Tensors& inputs, const Tensors& outputs) {
  ACCELERD_RETURN_IF_ERROR(CheckCount("input", inputs.size(), signature.inputs.size()));
  ACCELERD_RETURN_IF_ERROR(CheckCount("output", outputs.size(), signature.outputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ACCELERD_RETURN_IF_ERROR(CheckTensor("input", signature.inputs[i], inputs[i]));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorSpec& spec = signature.outputs[i];
    if (IsStatic(spec.shape)) {
      ACCELERD_RETURN_IF_ERROR(CheckTensor("output", spec, outputs[i]));
    } else if (!outputs[i].empty()) {
      return absl::InvalidArgumentError(fmt::format("output \"{}\" {} is sized by the run; an empty tensor is expected",
                                                    spec.name, ShapeToString(spec.shape)));
    }
  }
  return absl::OkStatus();
}

}  // namespace accelerd
