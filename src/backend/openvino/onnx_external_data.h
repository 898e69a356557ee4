#ifndef ACCELERD_BACKEND_OPENVINO_ONNX_EXTERNAL_DATA_H_
#define ACCELERD_BACKEND_OPENVINO_ONNX_EXTERNAL_DATA_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace accelerd::openvino {

/// Reads a file of external data whole. `location` is a path relative to the model's folder that stays beneath it by
/// its text. What is returned stays where it is until the runtime has read the model.
using ReadExternalData = std::function<absl::StatusOr<std::span<const std::byte>>(const std::string& location)>;

/// An ONNX model whose external data lies in this process's memory instead of in files: for the runtime, which would
/// open them by their paths, and takes addresses too. Every tensor whose data_location is EXTERNAL counts, in the main
/// graph, nested graphs and functions; `read` is called once for each location. Nothing else of the model refers to a
/// file or to memory afterwards, whatever was written there. Nothing is returned when the model can stay as it is.
///
/// `model` is a serialised ModelProto (onnx.proto3); a walk over protobuf's wire format that copies only what changes.
/// kInvalidArgument: it is not one, it nests deeper than protobuf allows, a location is absolute or has "..", a tensor
/// refers to more than its file holds. What `read` fails with.
absl::StatusOr<std::optional<std::string>> PlaceExternalData(std::string_view model, const ReadExternalData& read);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_ONNX_EXTERNAL_DATA_H_
