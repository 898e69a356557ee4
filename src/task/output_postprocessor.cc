#include "task/output_postprocessor.h"

#include <new>
#include <utility>

#include "fmt/core.h"

namespace accelerd {

OutputPostprocessor::OutputPostprocessor(std::shared_ptr<const TaskModel> model) : model_(std::move(model)) {}

absl::Status OutputPostprocessor::Fits(std::size_t index, const Shape& shape) const {
  const std::string misfit = Misfit(index, shape);
  return misfit.empty() ? absl::OkStatus() : OutputRefused(model_->outputs[index], shape, misfit);
}

absl::Status OutputPostprocessor::Check(const TaskOptions& options) const {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t index, SelectOutput(*model_, options.output));
  const Shape& shape = model_->outputs[index].spec.shape;
  return IsKnown(shape) ? Fits(index, shape) : absl::OkStatus();
}

std::size_t OutputPostprocessor::ResultBytes(const ImageSize& image, const TaskOptions& options) const {
  const absl::StatusOr<std::size_t> index = SelectOutput(*model_, options.output);
  return index.ok() ? BytesOf(model_->outputs[*index], image) : 0;
}

absl::StatusOr<TaskResult> OutputPostprocessor::Run(std::span<const Tensor> outputs, const ImageSize& image,
                                                    const TaskOptions& options) const {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t index, SelectOutput(*model_, options.output));
  if (index >= outputs.size() || outputs[index].empty()) {
    return absl::InternalError(fmt::format("the model left its output \"{}\" empty", model_->outputs[index].spec.name));
  }
  const Tensor tensor = WithBatch(*model_, outputs[index]);
  ACCELERD_RETURN_IF_ERROR(Fits(index, tensor.shape()));
  try {
    return Convert(index, tensor, image, options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the result");
  }
}

}  // namespace accelerd
