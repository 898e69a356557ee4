#ifndef ACCELERD_BACKEND_OPENVINO_MODEL_READER_H_
#define ACCELERD_BACKEND_OPENVINO_MODEL_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/model_files.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// Larger files are refused before they are read.
inline constexpr std::uint64_t kMaxModelFileBytes = std::uint64_t{4} << 30U;

/// A model in memory, independent of its files from now on.
struct ReadModel {
  std::shared_ptr<ov::Model> model;
  std::string content_hash;        ///< SHA-256 in hexadecimal over exactly the bytes that `model` was made of.
  std::vector<std::string> files;  ///< What was read: the main file, then side files.
};

/// Reads an IR (NAME.xml, and NAME.bin beside it), an ONNX model with its external data, or a TFLite model.
///
/// IR, and ONNX without external data, are read once, into memory. The runtime takes the others by path only: they are
/// hashed before and after, and read again when they changed in between.
///
/// kNotFound, kPermissionDenied: a file cannot be read. kInvalidArgument: the model is broken.
/// kUnavailable: the files kept changing.
absl::StatusOr<ReadModel> ReadModelFiles(const ModelFiles& files);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_MODEL_READER_H_
