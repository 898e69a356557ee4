#include "backend/conformance.h"

#include "backend/openvino/test_models.h"
#include "backend/registry.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

ConformanceSubject OpenvinoSubject(const std::string& name, const std::string& device) {
  return {name, [device](Backend::OnLost on_lost) { return CreateBackend({device, ""}, std::move(on_lost)); },
          [](const std::string& directory, float addend) {
            return openvino::WriteIr(openvino::AddModel(addend), directory, fmt::format("add{}", addend));
          },
          [](const std::string& directory) {
            return openvino::WriteIr(openvino::DynamicBatchModel(), directory, "dynamic");
          }};
}

INSTANTIATE_TEST_SUITE_P(Openvino, BackendConformance,
                         testing::Values(OpenvinoSubject("Cpu", "CPU"), OpenvinoSubject("Auto", "AUTO:CPU")),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace accelerd
