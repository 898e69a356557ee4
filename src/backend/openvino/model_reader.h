#ifndef ACCELERD_BACKEND_OPENVINO_MODEL_READER_H_
#define ACCELERD_BACKEND_OPENVINO_MODEL_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/model_files.h"
#include "model/model_metadata.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// Larger files are refused before they are read. Protobuf and FlatBuffers allow no more than 2 GiB for a graph.
inline constexpr std::uint64_t kMaxXmlBytes = std::uint64_t{256} << 20U;
inline constexpr std::uint64_t kMaxGraphBytes = std::uint64_t{2} << 30U;    ///< NAME.onnx, NAME.tflite.
inline constexpr std::uint64_t kMaxWeightsBytes = std::uint64_t{4} << 30U;  ///< NAME.bin, external data.

/// A model in memory, independent of its files from now on.
struct ReadModel {
  std::shared_ptr<ov::Model> model;
  std::string content_hash;        ///< SHA-256 in hexadecimal over exactly the bytes that `model` was made of.
  std::vector<std::string> files;  ///< What was read: the main file, then side files.
  ModelMetadata metadata;          ///< What the files state besides the graph.
};

/// Reads an IR (NAME.xml, and NAME.bin beside it), an ONNX model with its external data, or a TFLite model.
///
/// Every file is read once, into memory; the runtime opens none of them. Metadata comes from the model's file and, in a
/// folder of the model's own, from metadata.yaml beside it. What is wrong with metadata is logged, and is no error.
///
/// The main file may be a link to anywhere beneath `files.root`, or to anywhere at all when that is empty. The files
/// beside it are opened as ModelFolder does; else kPermissionDenied.
///
/// kNotFound, kPermissionDenied: a file cannot be read. kInvalidArgument: the model is broken. kResourceExhausted: it
/// does not fit into memory. kUnavailable: a file was shortened while it was read.
absl::StatusOr<ReadModel> ReadModelFiles(const ModelFiles& files);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_MODEL_READER_H_
