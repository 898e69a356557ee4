// Throws bytes at the scan of OpenVINO's XML.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backend/openvino/ir_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(accelerd::openvino::ScanIr({reinterpret_cast<const char*>(data), size}).ok());
  return 0;
}
