// The in-process limit: what a program reaches that does the service's work itself, without any server. An encoded
// image in memory is decoded, resized and converted by the service's own code, and inferred on the CPU device.
//
//   in_process_limit requests MODEL.xml                      prints how many infer requests the device wants at once
//   in_process_limit classify MODEL.xml IMAGE THREADS SECONDS
//   in_process_limit decode IMAGE THREADS SECONDS

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/allocator.h"
#include "fmt/core.h"
#include "image/decode.h"
#include "image/to_tensor.h"
#include "measurement.h"
#include "openvino/openvino.hpp"

namespace accelerd::benchmark {
namespace {

template <typename T>
T Value(absl::StatusOr<T> result) {
  if (!result.ok()) {
    throw std::runtime_error(std::string(result.status().message()));
  }
  return *std::move(result);
}

Image Decode(const std::string& encoded) {
  return Value(DecodeImage(std::as_bytes(std::span(encoded)), {}));
}

ov::CompiledModel Compile(const std::string& path) {
  static ov::Core core;
  return core.compile_model(path, "CPU", ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT),
                            ov::hint::inference_precision(ov::element::f32));
}

ImageFormat FormatOf(const ov::CompiledModel& model) {
  const ov::Shape shape = model.input(0).get_shape();
  if (shape.size() != 4 || shape[1] != 3 || model.input(0).get_element_type() != ov::element::f32) {
    throw std::runtime_error("the model's first input is no f32 NCHW image");
  }
  ImageFormat format;
  format.height = static_cast<int>(shape[2]);
  format.width = static_cast<int>(shape[3]);
  return format;
}

/// One thread's infer request and input memory.
class Classifier {
 public:
  explicit Classifier(ov::CompiledModel& model)
      : format_(FormatOf(model)), input_(Value(Tensor::Allocate(ElementType::kF32, format_.shape()))) {
    request_ = model.create_infer_request();
    request_.set_input_tensor(ov::Tensor(ov::element::f32, model.input(0).get_shape(), input_.bytes().data()));
  }

  void Run(const std::string& encoded) {
    if (const absl::Status status = ImageToTensor(Decode(encoded), format_, input_); !status.ok()) {
      throw std::runtime_error(std::string(status.message()));
    }
    request_.infer();
    const ov::Tensor scores = request_.get_output_tensor(0);
    const float* begin = scores.data<float>();
    best_ = *std::max_element(begin, begin + scores.get_size());
  }

 private:
  ImageFormat format_;
  Tensor input_;
  ov::InferRequest request_;
  volatile float best_ = 0.0F;  // Keeps the compiler from dropping the search.
};

void MeasureClassify(const std::string& model_path, const std::string& image_path, int threads, double seconds) {
  const std::string encoded = ReadFile(image_path);
  ov::CompiledModel model = Compile(model_path);
  std::vector<std::function<void()>> steps;
  for (int i = 0; i < threads; ++i) {
    steps.emplace_back([&encoded, classifier = std::make_shared<Classifier>(model)] { classifier->Run(encoded); });
  }
  Measure(std::move(steps), seconds);
}

void MeasureDecode(const std::string& image_path, int threads, double seconds) {
  const std::string encoded = ReadFile(image_path);
  Measure(std::vector<std::function<void()>>(threads, [&encoded] { Decode(encoded); }), seconds);
}

int Main(const std::vector<std::string>& args) {
  KeepFreedMemory();
  if (args.size() == 2 && args[0] == "requests") {
    fmt::print("{}\n", Compile(args[1]).get_property(ov::optimal_number_of_infer_requests));
  } else if (args.size() == 5 && args[0] == "classify") {
    MeasureClassify(args[1], args[2], std::stoi(args[3]), std::stod(args[4]));
  } else if (args.size() == 4 && args[0] == "decode") {
    MeasureDecode(args[1], std::stoi(args[2]), std::stod(args[3]));
  } else {
    fmt::print(stderr,
               "usage: in_process_limit requests MODEL | classify MODEL IMAGE THREADS SECONDS | "
               "decode IMAGE THREADS SECONDS\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace accelerd::benchmark

int main(int argc, char** argv) {
  try {
    return accelerd::benchmark::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "in_process_limit: {}\n", error.what());
    return 1;
  }
}
