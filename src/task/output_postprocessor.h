#ifndef ACCELERD_TASK_OUTPUT_POSTPROCESSOR_H_
#define ACCELERD_TASK_OUTPUT_POSTPROCESSOR_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "task/postprocessor.h"

namespace accelerd {

/// What the model's file and card say of one output.
struct OutputDescription {
  TensorSpec spec;
  OutputFacts facts;
};

/// A postprocessor that looks at one output: the first, or the one that the options name.
class OutputPostprocessor : public Postprocessor {
 public:
  explicit OutputPostprocessor(const ModelInfo& info);

  absl::Status Check(const TaskOptions& options) const final;
  absl::StatusOr<TaskResult> Run(std::span<const Tensor> outputs, const ImageSize& image,
                                 const TaskOptions& options) const final;

 protected:
  /// Empty when an output of this type and (whole) shape fits the task; else what the task needs and what to do, such
  /// as "detect needs SSD rows [1,1,N,7]; this looks like a classifier, use classify".
  virtual std::string Misfit(const OutputDescription& output, ElementType type, const Shape& shape) const = 0;

  /// Makes the result. REQUIRES: `tensor` is not empty and fits.
  virtual absl::StatusOr<TaskResult> Convert(const OutputDescription& output, const Tensor& tensor,
                                             const ImageSize& image, const TaskOptions& options) const = 0;

 private:
  absl::StatusOr<std::size_t> Select(std::string_view name) const;
  absl::Status Fits(const OutputDescription& output, ElementType type, const Shape& shape) const;

  std::vector<OutputDescription> outputs_;
};

/// The class's name from the card's labels: its number when they are too few, empty when there are none at all.
std::string LabelOf(const std::vector<std::string>& labels, std::size_t index);

}  // namespace accelerd

#endif  // ACCELERD_TASK_OUTPUT_POSTPROCESSOR_H_
