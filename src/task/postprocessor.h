#ifndef ACCELERD_TASK_POSTPROCESSOR_H_
#define ACCELERD_TASK_POSTPROCESSOR_H_

#include <cstddef>
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

/// What a postprocessor needs to know of the input that takes the image.
struct InputDescription {
  int rows = 0;                 ///< Pixels of the input; 0: unknown.
  int cols = 0;                 ///< Likewise.
  int batch = 0;                ///< Images in one inference; 0: unknown.
  bool batch_is_fixed = false;  ///< Whether the model itself fixes the number of images.
  bool has_batch = true;        ///< Whether input and outputs have a batch dimension, the first one.
  /// The model is told the size of the original image: its boxes are in pixels of that image.
  bool knows_original_size = false;
  /// The model takes `scale_factor`, as those of PaddleDetection do: its rows are [class, score, left, top, right,
  /// bottom].
  bool is_paddle_detection = false;
};

/// Turns a model's output tensors into the result of one task. Stateless; knows no device and no protocol. Thread-safe.
class Postprocessor {
 public:
  virtual ~Postprocessor() = default;

  /// What Run would refuse whatever the model computes: an unknown output, or one whose shape and type are known before
  /// the run and do not fit. Lets a caller answer without running the model. Errors as Run. Default: OK.
  virtual absl::Status Check(const TaskOptions& /*options*/) const { return absl::OkStatus(); }

  /// Returns how many bytes the result of an image will have, or 0 if that is small or not known before the run.
  virtual std::size_t ResultBytes(const ImageSize& /*image*/, const TaskOptions& /*options*/) const { return 0; }

  /// `outputs` are those of the model's signature, batch dimension included; their shapes may differ from it where it
  /// leaves sizes open.
  ///
  /// kInvalidArgument: no output is named as `options.output` asks. kFailedPrecondition: the output does not fit the
  /// task, or its values do not (a score over 1, a box without a class), with the reason and the key of NAME.toml that
  /// helps. kInternal: the output holds values that no result can be made of (NaN, infinity).
  virtual absl::StatusOr<TaskResult> Run(std::span<const Tensor> outputs, const ImageSize& image,
                                         const TaskOptions& options) const = 0;
};

/// Makes the postprocessor of `task` for a model. Never null: when the signature, the graph or the card shows that the
/// model's outputs do not fit the task, or does not show that they do, it answers kFailedPrecondition. The message says
/// what the model's outputs are, what the task needs, and which key of NAME.toml decides.
std::unique_ptr<Postprocessor> CreatePostprocessor(Task task, const ModelInfo& info, const ModelCard& card,
                                                   const InputDescription& input = {});

}  // namespace accelerd

#endif  // ACCELERD_TASK_POSTPROCESSOR_H_
