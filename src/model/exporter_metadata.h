#ifndef ACCELERD_MODEL_EXPORTER_METADATA_H_
#define ACCELERD_MODEL_EXPORTER_METADATA_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/model_metadata.h"

namespace accelerd {

/// What is stated, and what of it could not be used, for people.
class ReadMetadata {
 public:
  ModelMetadata metadata;
  std::vector<std::string> warnings;

  /// Puts `value` into `field` when it keeps the bounds of metadata (ValidateMetadata); else adds a warning.
  template <typename T>
  void Keep(std::optional<Stated<T>> ModelMetadata::* field, T value, Origin from) {
    (metadata.*field).emplace(Stated<T>{std::move(value), from});
    if (const absl::Status status = ValidateMetadata(metadata); !status.ok()) {
      (metadata.*field).reset();
      warnings.push_back(std::string(Message(status)) + "; it is not used");
    }
  }

  /// Adds the property `name` unless there is one; else, and when there are too many, does nothing.
  void KeepProperty(const std::string& name, std::string text, Origin from);

 private:
  std::size_t property_bytes_ = 0;
};

/// Reads names with their texts, as exporters write them into ONNX's metadata_props, metadata.yaml and the like:
/// `names` (or `labels`), `task`, `imgsz`. Everything else becomes a property. An export by Ultralytics wants RGB from
/// 0 to 1, which its files do not state by themselves. A value that makes no sense is left out with a warning.
ReadMetadata ReadExporterMetadata(const std::map<std::string, std::string>& texts, Origin from);

/// The same of a YAML or JSON document, or of what Python prints for a dictionary.
ReadMetadata ReadExporterDocument(std::string_view text, Origin from);

/// Reads rt_info/model_info of an OpenVINO IR, as Model API (Open Model Zoo, Geti, Ultralytics) defines it. When
/// `embedded_processing` says that the graph contains the preprocessing, mean, scale and colour order are left out.
ReadMetadata ReadModelInfoSection(const std::map<std::string, std::string>& texts);

/// Whether `text` is one of the words for yes that exporters write: "YES", "True", "1", …
bool IsTrue(std::string_view text);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_EXPORTER_METADATA_H_
