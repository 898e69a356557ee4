#ifndef ACCELERD_MODEL_MODEL_FILES_H_
#define ACCELERD_MODEL_MODEL_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

enum class ModelFormat { kOpenvinoIr, kOnnx, kTflite };

/// Where a model lies. Paths are absolute.
struct ModelFiles {
  std::string main;  ///< NAME.xml, NAME.onnx or NAME.tflite; the extension may be in upper case.
  ModelFormat format = ModelFormat::kOpenvinoIr;
  std::string card;  ///< Beside it, with the extension .toml, whether or not it exists.

  /// The allowed directory that holds the model, free of links: no file of the model is opened outside it. Empty: links
  /// may lead anywhere.
  std::string root = {};

  /// NAME.bin beside it, whether or not it exists: the weights of an OpenVINO IR. NAME.BIN beside NAME.XML.
  std::string weights() const;

  /// Whether both mean the same files; not whether both may open them.
  bool SamePlace(const ModelFiles& other) const { return main == other.main && format == other.format; }

  friend bool operator==(const ModelFiles&, const ModelFiles&) = default;
};

/// A model found in a folder, or what is wrong with a candidate.
struct FoundModel {
  std::string name;
  ModelFiles files;
  std::vector<std::string> warnings;     ///< For people: files that were passed over, and why; missing weights.
  std::vector<std::string> passed_over;  ///< Main files of other models of the same name.
};

/// Whether `name` can name a model: 1 to 255 bytes, no '/', no control character, no leading '.'. The error says what
/// is wrong.
absl::Status ValidateModelName(std::string_view name);

/// The model `name` in `directory`: NAME.xml, NAME.onnx, NAME.tflite, in this order, then the same names in the folders
/// NAME and NAME_openvino_model, then openvino_model.xml, model.xml, model.onnx and model.tflite in these folders; else
/// the only model file in the folder NAME_openvino_model, whatever its name. Extensions may be in upper case.
/// kNotFound names the files that were looked for. kFailedPrecondition: that folder has several.
///
/// `root` is that of ModelFiles, and holds `directory`. What is a link that leads out of it is found, whether or not
/// there is anything; opening it says so.
absl::StatusOr<FoundModel> FindModel(const std::string& directory, std::string_view name, const std::string& root = {});

/// Every model of `directory`, sorted by name: files as FindModel finds them, and folders NAME or NAME_openvino_model
/// that hold one. Files of other kinds are ignored (see unserved_files.h); a folder NAME_openvino_model with several
/// models, none of them NAME, is warned of. kNotFound when the folder cannot be read.
absl::StatusOr<std::vector<FoundModel>> DiscoverModels(const std::string& directory);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_FILES_H_
