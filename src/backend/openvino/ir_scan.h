#ifndef ACCELERD_BACKEND_OPENVINO_IR_SCAN_H_
#define ACCELERD_BACKEND_OPENVINO_IR_SCAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace accelerd::openvino {

/// Graphs nested in operations such as If and Loop, in an IR or in ONNX. The runtime's time to compile doubles with
/// every level from about twelve on, and it calls itself for each.
inline constexpr int kMaxNestedGraphs = 10;

/// What can be known of an OpenVINO IR without the runtime.
struct IrFacts {
  std::optional<int> version;       ///< Version of the format; nothing if the file does not state it.
  std::uint64_t weights_bytes = 0;  ///< Least size of NAME.bin: where the last constant ends.

  /// The members of these sections of the model's rt_info that have a value, with their values.
  std::map<std::string, std::string> model_info;
  std::map<std::string, std::string> framework;
  std::map<std::string, std::string> conversion;  ///< conversion_parameters, or meta_data/cli_parameters of version 10.
};

/// Reads through the XML of an IR once, in linear time and without memory, before the runtime gets it: its parser and
/// its writer call themselves for every level, and write as many tabs as levels before each element.
///
/// kInvalidArgument: the IR is larger or nested deeper than any that is not made to do harm: elements deeper than 64,
/// graphs deeper than kMaxNestedGraphs, 4,194,304 elements, 262,144 layers, rt_info of more than 16 MiB or 16 levels. A
/// document type is refused as well. Other faults of the XML are left to the runtime.
absl::StatusOr<IrFacts> ScanIr(std::string_view xml);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_IR_SCAN_H_
