#include "engine/canary.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <future>
#include <iterator>
#include <memory>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxSamples = 8192;
constexpr double kFloatTolerance = 0.02;
constexpr double kIntegerTolerance = 0.01;

bool IsFloat(ElementType type) {
  return type == ElementType::kF16 || type == ElementType::kBf16 || type == ElementType::kF32 ||
         type == ElementType::kF64;
}

/// Eight bits that do not repeat soon: a linear congruential generator's (Numerical Recipes, "quick and dirty").
class Pattern {
 public:
  std::uint8_t Next() {
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<std::uint8_t>(state_ >> 24U);
  }

 private:
  std::uint32_t state_ = 1;
};

template <typename T>
void FillWith(const Tensor& tensor, T (*element)(std::uint8_t)) {
  Pattern pattern;
  for (T& value : tensor.elements<T>()) {
    value = element(pattern.Next());
  }
}

template <typename T>
T Bit(std::uint8_t pattern) {
  return static_cast<T>(pattern & 1U);
}

void Fill(const Tensor& tensor) {
  switch (tensor.element_type()) {
    case ElementType::kF32:
      return FillWith<float>(tensor, [](std::uint8_t x) { return static_cast<float>(x) / 256.0F; });
    case ElementType::kF64:
      return FillWith<double>(tensor, [](std::uint8_t x) { return static_cast<double>(x) / 256.0; });
    case ElementType::kF16:
      return FillWith<std::uint16_t>(tensor,
                                     [](std::uint8_t x) { return static_cast<std::uint16_t>(0x3800 | x << 2); });
    case ElementType::kBf16:
      return FillWith<std::uint16_t>(tensor,
                                     [](std::uint8_t x) { return static_cast<std::uint16_t>(0x3F00 | x >> 1); });
    case ElementType::kU8:
      return FillWith<std::uint8_t>(tensor, [](std::uint8_t x) { return x; });
    case ElementType::kBool:
    case ElementType::kI8:
      return FillWith<std::uint8_t>(tensor, Bit<std::uint8_t>);
    case ElementType::kU16:
    case ElementType::kI16:
      return FillWith<std::uint16_t>(tensor, Bit<std::uint16_t>);
    case ElementType::kU32:
    case ElementType::kI32:
      return FillWith<std::uint32_t>(tensor, Bit<std::uint32_t>);
    case ElementType::kU64:
    case ElementType::kI64:
      return FillWith<std::uint64_t>(tensor, Bit<std::uint64_t>);
  }
}

OutputSample SampleOf(const Tensor& output) {
  OutputSample sample{.shape = output.shape(), .integer = !IsFloat(output.element_type()), .values = {}};
  VisitElements(output, [&sample](const auto& elements) {
    const std::size_t step = std::max<std::size_t>(1, (elements.size() + kMaxSamples - 1) / kMaxSamples);
    for (std::size_t i = 0; i < elements.size(); i += step) {
      sample.values.push_back(static_cast<double>(elements[i]));
    }
  });
  return sample;
}

/// The outputs of a run; those of a fixed size are given to it.
absl::StatusOr<Tensors> AllocateOutputs(const Signature& signature) {
  Tensors outputs;
  for (const TensorSpec& spec : signature.outputs) {
    Tensor& output = outputs.emplace_back();
    if (std::ranges::none_of(spec.shape, [](std::int64_t size) { return size < 0; })) {
      ACCELERD_ASSIGN_OR_RETURN(output, Tensor::Allocate(spec.element_type, spec.shape));
    }
  }
  return outputs;
}

double LargestOf(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) {
    largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
  }
  return largest;
}

bool Differs(double reference, double value, double tolerance) {
  if (!std::isfinite(reference) || !std::isfinite(value)) {
    return std::isnan(reference) ? !std::isnan(value) : reference != value;
  }
  return std::abs(reference - value) > tolerance;
}

absl::Status CompareOutput(const OutputSample& reference, const OutputSample& output) {
  if (reference.shape != output.shape || reference.values.size() != output.values.size()) {
    return absl::DataLossError(
        fmt::format("its shape is {} instead of {}", ShapeToString(output.shape), ShapeToString(reference.shape)));
  }
  const double tolerance = reference.integer ? 0.0 : kFloatTolerance * LargestOf(reference.values);
  std::size_t wrong = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i < reference.values.size(); ++i) {
    if (Differs(reference.values[i], output.values[i], tolerance)) {
      first = wrong++ == 0 ? i : first;
    }
  }
  const double allowed = reference.integer ? kIntegerTolerance * static_cast<double>(reference.values.size()) : 0.0;
  if (static_cast<double>(wrong) <= allowed) {
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format("{} of {} values differ, such as {} instead of {}", wrong,
                                         reference.values.size(), output.values[first], reference.values[first]));
}

}  // namespace

absl::StatusOr<Tensors> MakeCanaryInputs(const Signature& signature) {
  Tensors inputs;
  for (const TensorSpec& spec : signature.inputs) {
    Shape shape = spec.shape;
    std::ranges::replace(shape, -1, 1);
    ACCELERD_ASSIGN_OR_RETURN(Tensor input, Tensor::Allocate(spec.element_type, shape));
    Fill(input);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

CanaryOutputs SampleOutputs(const Tensors& outputs) {
  CanaryOutputs samples;
  samples.reserve(outputs.size());
  std::ranges::transform(outputs, std::back_inserter(samples), SampleOf);
  return samples;
}

absl::StatusOr<CanaryOutputs> RunCanary(CompiledModel& model) {
  ACCELERD_ASSIGN_OR_RETURN(Tensors inputs, MakeCanaryInputs(model.info().signature));
  ACCELERD_ASSIGN_OR_RETURN(Tensors outputs, AllocateOutputs(model.info().signature));
  auto ended = std::make_shared<std::promise<absl::StatusOr<RunResult>>>();
  std::future<absl::StatusOr<RunResult>> end = ended->get_future();
  model.Start(RunId{0}, std::move(inputs), std::move(outputs),
              [ended](absl::StatusOr<RunResult> result) { ended->set_value(std::move(result)); });
  ACCELERD_ASSIGN_OR_RETURN(const RunResult result, end.get());
  return SampleOutputs(result.outputs);
}

absl::Status CompareCanary(const CanaryOutputs& reference, const CanaryOutputs& outputs) {
  if (reference.size() != outputs.size()) {
    return absl::DataLossError(fmt::format("there are {} outputs instead of {}", outputs.size(), reference.size()));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (const absl::Status same = CompareOutput(reference[i], outputs[i]); !same.ok()) {
      return Annotate(same, fmt::format("output {}", i));
    }
  }
  return absl::OkStatus();
}

}  // namespace accelerd
