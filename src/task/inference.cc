#include <utility>

#include "task/output_postprocessor.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

class Inference : public OutputPostprocessor {
 public:
  using OutputPostprocessor::OutputPostprocessor;

 protected:
  std::string Misfit(std::size_t /*index*/, const Shape& shape) const override {
    return !shape.empty() && shape[0] == 0 ? "it has no first item" : "";
  }

  absl::StatusOr<TaskResult> Convert(std::size_t /*index*/, const Tensor& tensor, const ImageSize& /*image*/,
                                     const TaskOptions& /*options*/) const override {
    if (tensor.shape().empty()) {
      return tensor;
    }
    // The first item lies at the start of the same bytes.
    return Tensor(tensor.element_type(), Shape(tensor.shape().begin() + 1, tensor.shape().end()), tensor.buffer());
  }
};

}  // namespace

std::unique_ptr<Postprocessor> MakeInference(std::shared_ptr<const TaskModel> model) {
  return std::make_unique<Inference>(std::move(model));
}

}  // namespace accelerd
