#ifndef ACCELERD_BACKEND_OPENVINO_ONNX_EXTERNAL_DATA_H_
#define ACCELERD_BACKEND_OPENVINO_ONNX_EXTERNAL_DATA_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd::openvino {

/// The files beside an ONNX model that hold the data of its tensors, sorted, each once: the "location" of every tensor
/// whose data_location is EXTERNAL, in the main graph, nested graphs and functions. Paths are relative to the model's
/// folder and stay beneath it by their text.
///
/// `model` is a serialised ModelProto (onnx.proto3); a walk over protobuf's wire format that copies nothing and skips
/// what holds no tensors. kInvalidArgument: it is not one, it nests deeper than protobuf allows, or a location is
/// absolute or has "..".
absl::StatusOr<std::vector<std::string>> OnnxExternalData(std::string_view model);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_ONNX_EXTERNAL_DATA_H_
