#ifndef ACCELERD_MODEL_TFLITE_FACTS_H_
#define ACCELERD_MODEL_TFLITE_FACTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/exporter_metadata.h"

namespace accelerd {

/// What a TensorFlow Lite file says besides its graph.
struct TfliteFacts {
  /// Mean, standard deviation, colour space and labels of TFLite metadata. The first input with a normalisation and the
  /// first output with labels count. What Ultralytics packs into the file is read as well.
  ReadMetadata stated;
  std::vector<std::string> custom_operations;  ///< Operations that are none of TensorFlow Lite's own; each once.
};

/// Reads `file`, the bytes of a whole TFLite file. Bounded: 4 MiB of metadata, 1 MiB of labels. kInvalidArgument: the
/// FlatBuffer is damaged. Metadata that is damaged is left out with a warning.
absl::StatusOr<TfliteFacts> ReadTfliteFacts(std::string_view file);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_TFLITE_FACTS_H_
