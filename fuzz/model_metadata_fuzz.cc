// Throws bytes at the readers of what models state: TFLite metadata with its archive, YAML, and model_info. What comes
// back keeps its bounds.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "model/exporter_metadata.h"
#include "model/tflite_facts.h"

namespace {

void Check(const accelerd::ReadMetadata& read) {
  if (!accelerd::ValidateMetadata(read.metadata).ok()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const absl::StatusOr<accelerd::TfliteFacts> facts = accelerd::ReadTfliteFacts(text); facts.ok()) {
    Check(facts->stated);
  }
  Check(accelerd::ReadExporterDocument(text, accelerd::Origin::kMetadataYaml));
  Check(accelerd::ReadExporterMetadata({{"names", text}, {"imgsz", text}}, accelerd::Origin::kOnnxMetadata));
  Check(accelerd::ReadModelInfoSection(
      {{"labels", text}, {"mean_values", text}, {"scale_values", text}, {"confidence_threshold", text}}));
  return 0;
}
