#include "backend/conformance.h"

#include <utility>

#include "backend/isolated/isolated_backend.h"
#include "backend/openvino/test_models.h"
#include "backend/simulated/output_function.h"
#include "backend/simulated/stick_file.h"
#include "backend/test_directory.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// Any device in a worker.
ConformanceSubject Subject(std::string name, std::function<absl::StatusOr<std::string>()> device) {
  ConformanceSubject subject;
  subject.name = std::move(name);
  subject.create = [device = std::move(device)](Backend::OnLost on_lost) -> absl::StatusOr<std::unique_ptr<Backend>> {
    ACCELERD_ASSIGN_OR_RETURN(std::string device_name, device());
    return std::make_unique<IsolatedBackend>(IsolatedOptions{.device = std::move(device_name)}, std::move(on_lost));
  };
  subject.write_add_model = [](const std::string& folder, float addend) {
    return openvino::WriteIr(openvino::AddModel(addend), folder, fmt::format("add{}", addend));
  };
  subject.write_dynamic_model = [](const std::string& folder) {
    return openvino::WriteIr(openvino::DynamicBatchModel(), folder, "dynamic");
  };
  return subject;
}

ConformanceSubject Cpu() {
  return Subject("Cpu", [] { return std::string("CPU"); });
}

ConformanceSubject Simulated() {
  const auto directory = std::make_shared<TestDirectory>();
  ConformanceSubject subject = Subject("Simulated", [directory]() -> absl::StatusOr<std::string> {
    const std::string path = *directory / "stick.json";
    ACCELERD_RETURN_IF_ERROR(
        StickFile(path)
            .Update([](StickState& state) { return SetStickSetting(state.settings, "latency", "0"); })
            .status());
    return "SIMULATED:" + path;
  });
  subject.made_up_values = [](const ModelInfo& model, const Tensor& input) {
    // All outputs of these models have the shape of the input.
    const Tensor output = *Tensor::Allocate(ElementType::kF32, input.shape());
    FillOutput(InputSeed(model.content_hash, {input}), 0, output);
    return Floats(output);
  };
  return subject;
}

INSTANTIATE_TEST_SUITE_P(Isolated, BackendConformance, testing::Values(Cpu(), Simulated()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace accelerd
