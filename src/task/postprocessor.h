#ifndef ACCELERD_TASK_POSTPROCESSOR_H_
#define ACCELERD_TASK_POSTPROCESSOR_H_

#include <memory>
#include <span>
#include <string>

#include "base/tensor.h"
#include "model/model_card.h"
#include "model/model_info.h"
#include "task/result.h"

namespace accelerd {

/// What a caller wants of a task.
struct TaskOptions {
  std::string output;          ///< Name of the output to use; empty: the first.
  float min_score = 0.01F;     ///< Classes and boxes must be over it.
  bool best_of_class = false;  ///< Boxes: only the best one of each class.
};

/// The original image that an inference was made on.
struct ImageSize {
  int rows = 0;
  int cols = 0;
};

/// Turns a model's output tensors into the result of one task. Stateless; knows no device and no protocol. Thread-safe.
class Postprocessor {
 public:
  virtual ~Postprocessor() = default;

  /// What Run would refuse whatever the model computes: an unknown output, or one whose shape and type are known before
  /// the run and do not fit. Lets a caller answer without running the model. Errors as Run. Default: OK.
  virtual absl::Status Check(const TaskOptions& /*options*/) const { return absl::OkStatus(); }

  /// `outputs` are those of the model's signature, batch dimension included; their shapes may differ from it where it
  /// leaves sizes open. kInvalidArgument: no output is named as `options.output` asks. kFailedPrecondition: the output
  /// does not fit the task, with the reason. kInternal: the output holds values that no result can be made of (NaN).
  virtual absl::StatusOr<TaskResult> Run(std::span<const Tensor> outputs, const ImageSize& image,
                                         const TaskOptions& options) const = 0;
};

/// The postprocessor of `task` for a model. Never null: when the signature or the card shows that the model's outputs
/// do not fit the task, it answers kFailedPrecondition, saying what the model's outputs are and what the task needs.
std::unique_ptr<Postprocessor> CreatePostprocessor(Task task, const ModelInfo& info, const ModelCard& card);

}  // namespace accelerd

#endif  // ACCELERD_TASK_POSTPROCESSOR_H_
