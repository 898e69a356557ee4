#ifndef ACCELERD_MODEL_MODEL_METADATA_H_
#define ACCELERD_MODEL_MODEL_METADATA_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/model_card.h"
#include "model/tensor_spec.h"

namespace accelerd {

/// Where a piece of knowledge about a model comes from.
enum class Origin {
  kCard,            ///< NAME.toml.
  kModelInfo,       ///< rt_info/model_info of an OpenVINO IR.
  kMetadataYaml,    ///< metadata.yaml beside the model, as Ultralytics exports it.
  kTfliteMetadata,  ///< The metadata inside a TFLite file.
  kOnnxMetadata,    ///< metadata_props of an ONNX model, also those that an IR converted from it carries.
  kLabelsFile,      ///< labels.txt.
  kGraph,           ///< The operations of the graph.
  kShape,           ///< The shapes of the inputs and outputs.
  kDefault,         ///< Nothing states it: the service's default.
};

/// "card", "model_info", "metadata.yaml", "tflite metadata", "onnx metadata", "labels.txt", "graph", "shape",
/// "default".
std::string_view OriginName(Origin origin);
absl::StatusOr<Origin> ParseOrigin(std::string_view name);

/// A value with the place that states it.
template <typename T>
struct Stated {
  T value = {};
  Origin from = Origin::kDefault;

  friend bool operator==(const Stated&, const Stated&) = default;
};

/// What a model's own files state about its use, besides the graph. NAME.toml is not part of it and overrides it.
///
/// Preprocessing that the graph already contains (`embedded_processing` of model_info, the parameters of a conversion)
/// is left out, because it must not be applied again.
struct ModelMetadata {
  /// What the model is for, in the words of this service: "classify", "detect", "oriented", "pose", "instances",
  /// "segment", "depth", … An unknown word is kept as the file has it. Ultralytics' "segment" is "instances" here.
  std::optional<Stated<std::string>> task;

  std::optional<Stated<ColorOrder>> color_order;    ///< The order of the channels that the model wants.
  std::optional<Stated<std::vector<float>>> mean;   ///< As ModelCard::mean: 1 to 4 finite values.
  std::optional<Stated<std::vector<float>>> scale;  ///< As ModelCard::scale: 1 to 4 finite values, none of them 0.
  std::optional<Stated<std::vector<std::string>>> labels;  ///< Class names by index. Not empty.
  std::optional<Stated<std::array<int, 2>>> input_size;    ///< Width and height, for an input that leaves them open.
  std::optional<Stated<float>> score_threshold;            ///< 0 to 1: the least score of an object or a class.
  std::optional<Stated<float>> iou_threshold;              ///< 0 to 1: the overlap at which a weaker box is dropped.

  /// Everything else that the files state, as text, by their own names: model_type, resize_type, pad_value, stride,
  /// kpt_shape, end2end, … Of two files that state the same name, the model's own
  /// file counts before metadata.yaml.
  std::map<std::string, Stated<std::string>> properties;

  /// Whether nothing was stated.
  bool empty() const;

  friend bool operator==(const ModelMetadata&, const ModelMetadata&) = default;
};

/// Bounds of ModelMetadata, whichever file it comes from.
inline constexpr std::size_t kMaxMetadataLabels = 65'536;
inline constexpr std::size_t kMaxMetadataBytes = std::size_t{1}
                                                 << 20U;  ///< Bound of all labels, and of all properties.

/// Fails when `metadata` breaks its bounds: numbers that are not finite or out of range, too many labels, too much
/// text.
absl::Status ValidateMetadata(const ModelMetadata& metadata);

/// Adds to `target` what `other` states and `target` does not.
void AddMetadata(ModelMetadata other, ModelMetadata& target);

/// Returns `card` with the fields that it leaves unset filled from `metadata`: labels, colour order, mean and scale,
/// and the size of an input that leaves it open. `inputs` are the model's. Mean and scale are for inputs of
/// floating-point numbers; an integer input is fed the bytes of the image whatever the metadata says, as the
/// quantisation of such a model accounts for them. The task and the thresholds stay with the caller.
ModelCard WithMetadata(ModelCard card, const ModelMetadata& metadata, const std::vector<TensorSpec>& inputs);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_METADATA_H_
