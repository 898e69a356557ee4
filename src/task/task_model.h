#ifndef ACCELERD_TASK_TASK_MODEL_H_
#define ACCELERD_TASK_TASK_MODEL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "model/model_card.h"
#include "model/model_info.h"
#include "task/postprocessor.h"

namespace accelerd {

/// What the model's file says of one output.
struct OutputDescription {
  TensorSpec spec;
  OutputFacts facts;

  /// Whether the numbers of the output stand for others by a scale and a zero point.
  bool is_scaled() const;
};

/// Everything that is known of a model when its outputs are interpreted.
///
/// A model without a batch dimension is described as if it had one of 1: its outputs' shapes, layouts and class axes
/// have it, and WithBatch gives it to the tensors. Immutable and shared by the postprocessors.
struct TaskModel {
  std::vector<OutputDescription> outputs;
  ModelCard card;
  InputDescription input;
  std::string stated_task;  ///< The task that the model's own metadata states; empty: none.

  /// Whether NAME.toml says that the model is for `task`.
  bool told(Task task) const { return card.task == task; }
};

std::shared_ptr<const TaskModel> MakeTaskModel(const ModelInfo& info, const ModelCard& card,
                                               const InputDescription& input);

/// Finds the output with this name, or the first one for an empty name. kInvalidArgument names those that there are;
/// kFailedPrecondition: the model has none.
absl::StatusOr<std::size_t> SelectOutput(const TaskModel& model, std::string_view name);

/// Returns the tensor with the batch dimension that the description of its output has.
Tensor WithBatch(const TaskModel& model, const Tensor& tensor);

/// Whether all sizes of a shape are known.
bool IsKnown(const Shape& shape);

/// Returns the misfit that the model's own metadata states another task than `task`; empty when it does not, or when
/// NAME.toml decides.
std::string StatedOtherwise(const TaskModel& model, Task task);

/// The refusal of an output for `reason`: names the output with its shape and type.
absl::Status OutputRefused(const OutputDescription& output, const Shape& shape, std::string_view reason);

/// The class's name from the card's labels: its number when they are too few, empty when there are none at all.
std::string LabelOf(const std::vector<std::string>& labels, std::size_t index);

}  // namespace accelerd

#endif  // ACCELERD_TASK_TASK_MODEL_H_
