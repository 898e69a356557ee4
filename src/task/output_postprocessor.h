#ifndef ACCELERD_TASK_OUTPUT_POSTPROCESSOR_H_
#define ACCELERD_TASK_OUTPUT_POSTPROCESSOR_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/tensor.h"
#include "task/postprocessor.h"
#include "task/task_model.h"

namespace accelerd {

/// A postprocessor that looks at one output: the first, or the one that the options name.
class OutputPostprocessor : public Postprocessor {
 public:
  explicit OutputPostprocessor(std::shared_ptr<const TaskModel> model);

  absl::Status Check(const TaskOptions& options) const final;
  std::size_t ResultBytes(const ImageSize& image, const TaskOptions& options) const final;
  absl::StatusOr<TaskResult> Run(std::span<const Tensor> outputs, const ImageSize& image,
                                 const TaskOptions& options) const final;

 protected:
  const TaskModel& model() const { return *model_; }

  /// Returns nothing when the output `index` fits the task with this shape, all of whose sizes are known. Else returns
  /// what the task needs and what to do, such as "classify needs one score a class; …".
  virtual std::string Misfit(std::size_t index, const Shape& shape) const = 0;

  /// Does what ResultBytes does, for one output.
  virtual std::size_t BytesOf(const OutputDescription& /*output*/, const ImageSize& /*image*/) const { return 0; }

  /// Makes the result. REQUIRES: `tensor` is not empty and fits.
  virtual absl::StatusOr<TaskResult> Convert(std::size_t index, const Tensor& tensor, const ImageSize& image,
                                             const TaskOptions& options) const = 0;

 private:
  absl::Status Fits(std::size_t index, const Shape& shape) const;

  std::shared_ptr<const TaskModel> model_;
};

}  // namespace accelerd

#endif  // ACCELERD_TASK_OUTPUT_POSTPROCESSOR_H_
