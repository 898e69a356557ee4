// Throws bytes at the walk over ONNX files: no location that it returns leaves the model's folder.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "backend/openvino/onnx_external_data.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view model(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<std::vector<std::string>> locations = accelerd::openvino::OnnxExternalData(model);
  if (locations.ok()) {
    for (const std::string& location : *locations) {
      if (location.empty() || location.front() == '/' || location.starts_with("../") || location == "..") {
        std::abort();
      }
    }
  }
  return 0;
}
