#include "task/output_postprocessor.h"

#include <algorithm>
#include <new>
#include <utility>

#include "fmt/core.h"

namespace accelerd {

OutputPostprocessor::OutputPostprocessor(const ModelInfo& info) {
  for (std::size_t i = 0; i < info.signature.outputs.size(); ++i) {
    outputs_.push_back({info.signature.outputs[i], i < info.outputs.size() ? info.outputs[i] : OutputFacts{}});
  }
}

absl::StatusOr<std::size_t> OutputPostprocessor::Select(std::string_view name) const {
  if (outputs_.empty()) {
    return absl::FailedPreconditionError("the model has no outputs");
  }
  if (name.empty()) {
    return 0;
  }
  std::string names;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].spec.name == name) {
      return i;
    }
    names += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", outputs_[i].spec.name);
  }
  return absl::InvalidArgumentError(fmt::format("the model has no output \"{}\"; it has {}", name, names));
}

absl::Status OutputPostprocessor::Fits(const OutputDescription& output, ElementType type, const Shape& shape) const {
  const std::string misfit = Misfit(output, type, shape);
  if (misfit.empty()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(fmt::format("model output \"{}\" has shape {} and type {}: {}", output.spec.name,
                                                   ShapeToString(shape), ElementName(type), misfit));
}

absl::Status OutputPostprocessor::Check(const TaskOptions& options) const {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t index, Select(options.output));
  const TensorSpec& spec = outputs_[index].spec;
  const bool known = std::all_of(spec.shape.begin(), spec.shape.end(), [](std::int64_t size) { return size >= 0; });
  return known ? Fits(outputs_[index], spec.element_type, spec.shape) : absl::OkStatus();
}

absl::StatusOr<TaskResult> OutputPostprocessor::Run(std::span<const Tensor> outputs, const ImageSize& image,
                                                    const TaskOptions& options) const {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t index, Select(options.output));
  const OutputDescription& output = outputs_[index];
  if (index >= outputs.size() || outputs[index].empty()) {
    return absl::InternalError(fmt::format("the model left its output \"{}\" empty", output.spec.name));
  }
  const Tensor& tensor = outputs[index];
  ACCELERD_RETURN_IF_ERROR(Fits(output, tensor.element_type(), tensor.shape()));
  try {
    return Convert(output, tensor, image, options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the result");
  }
}

std::string LabelOf(const std::vector<std::string>& labels, std::size_t index) {
  if (index < labels.size()) {
    return labels[index];
  }
  return labels.empty() ? std::string() : std::to_string(index);
}

}  // namespace accelerd
