#include <utility>

#include "task/output_postprocessor.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

class Inference : public OutputPostprocessor {
 public:
  using OutputPostprocessor::OutputPostprocessor;

 protected:
  std::string Misfit(const OutputDescription& /*output*/, ElementType /*type*/, const Shape& shape) const override {
    return !shape.empty() && shape[0] == 0 ? "it has no first item" : "";
  }

  absl::StatusOr<TaskResult> Convert(const OutputDescription& /*output*/, const Tensor& tensor,
                                     const ImageSize& /*image*/, const TaskOptions& /*options*/) const override {
    if (tensor.shape().empty()) {
      return tensor;
    }
    // The first item lies at the start of the same bytes.
    return Tensor(tensor.element_type(), Shape(tensor.shape().begin() + 1, tensor.shape().end()), tensor.buffer());
  }
};

}  // namespace

std::unique_ptr<Postprocessor> MakeInference(const ModelInfo& info, const ModelCard& /*card*/) {
  return std::make_unique<Inference>(info);
}

}  // namespace accelerd
