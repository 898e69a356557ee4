#include "backend/conformance.h"

#include <utility>

#include "backend/openvino/test_models.h"
#include "backend/registry.h"
#include "backend/simulated/output_function.h"
#include "backend/simulated/stick_file.h"
#include "backend/test_directory.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// A stick without latency, in a folder that goes with the subject.
ConformanceSubject SimulatedSubject() {
  const auto directory = std::make_shared<TestDirectory>();
  ConformanceSubject subject;
  subject.name = "Simulated";
  subject.create = [directory](Backend::OnLost on_lost) -> absl::StatusOr<std::unique_ptr<Backend>> {
    const std::string path = *directory / "stick.json";
    ACCELERD_RETURN_IF_ERROR(
        StickFile(path)
            .Update([](StickState& state) { return SetStickSetting(state.settings, "latency", "0"); })
            .status());
    return CreateBackend({"SIMULATED:" + path, ""}, std::move(on_lost));
  };
  subject.write_add_model = [](const std::string& folder, float addend) {
    return openvino::WriteIr(openvino::AddModel(addend), folder, fmt::format("add{}", addend));
  };
  subject.write_dynamic_model = [](const std::string& folder) {
    return openvino::WriteIr(openvino::DynamicBatchModel(), folder, "dynamic");
  };
  subject.made_up_values = [](const ModelInfo& model, const Tensor& input) {
    // All outputs of these models have the shape of the input.
    const Tensor output = *Tensor::Allocate(ElementType::kF32, input.shape());
    FillOutput(InputSeed(model.content_hash, {input}), 0, output);
    return Floats(output);
  };
  return subject;
}

INSTANTIATE_TEST_SUITE_P(Simulated, BackendConformance, testing::Values(SimulatedSubject()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace accelerd
