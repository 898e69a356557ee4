#include <algorithm>
#include <cstdint>
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

  std::size_t BytesOf(const OutputDescription& output, const ImageSize& /*image*/) const override {
    const Shape& shape = output.spec.shape;
    if (shape.empty() || std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size <= 0; })) {
      return 0;
    }
    const auto bytes = ByteSize(output.spec.element_type, Shape(shape.begin() + 1, shape.end()));
    return bytes.ok() ? *bytes : 0;
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
