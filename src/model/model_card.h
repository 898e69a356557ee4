#ifndef ACCELERD_MODEL_MODEL_CARD_H_
#define ACCELERD_MODEL_MODEL_CARD_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

class ModelFolder;
struct ModelFiles;

enum class Task { kInference, kClassify, kDetect, kSegment };

/// "inference", "classify", "detect", "segment".
std::string_view TaskName(Task task);
absl::StatusOr<Task> ParseTask(std::string_view name);

enum class ColorOrder { kBgr, kRgb };

/// Arithmetic of the device: kDefault is what its driver prefers.
enum class Precision { kDefault, kF32, kF16, kBf16 };
std::string_view PrecisionName(Precision precision);
absl::StatusOr<Precision> ParsePrecision(std::string_view name);

enum class PerformanceHint { kThroughput, kLatency };

/// The layouts of an image input, one letter a dimension.
inline constexpr std::array<std::string_view, 6> kImageLayouts = {"NCHW", "NHWC", "CHW", "HWC", "NHW", "HW"};

/// How the boxes of an output are written.
enum class BoxDecoder {
  kSsd,    ///< Rows [image, class, score, left, top, right, bottom].
  kBoxes,  ///< An output of boxes [N,4] or [N,5] with labels [N] and scores [N].
};

/// What the corners of boxes are relative to.
enum class BoxUnit {
  kNormalized,  ///< 0..1 from one edge of the image to the other.
  kPixels,      ///< Pixels of the model's input.
};

/// NAME.toml beside a model: what its owner says of it. An unset field is inferred from the model's file, or has the
/// service's default.
struct ModelCard {
  std::optional<Task> task;                      ///< Other tasks than this and inference are refused.
  std::string layout;                            ///< Layout of the image input: one of kImageLayouts.
  std::string output_layout;                     ///< Layout of the class scores of pixels: "NCHW" or "NHWC".
  std::optional<BoxDecoder> decoder;             ///< Default: inferred where the outputs tell.
  std::optional<BoxUnit> box_unit;               ///< Default: inferred from the decoder or the values.
  std::optional<std::array<int, 2>> input_size;  ///< Width and height to feed a model whose input leaves them open.
  std::optional<ColorOrder> color_order;         ///< Default: BGR for OpenVINO IR, RGB for ONNX and TFLite.
  std::vector<float> mean;  ///< Subtracted from each channel, in the model's channel order: one value for all, or one a
                            ///< channel. Default: 0.
  std::vector<float> scale;  ///< Each channel is divided by it after the subtraction; likewise. Default: 1. Never 0.
  std::vector<std::string> labels;    ///< Class names by index, from the labels file.
  std::optional<float> output_scale;  ///< Multiplies the scores of the output.
  std::optional<bool>
      softmax;  ///< true: accelerd applies a softmax to the scores; false: they are probabilities already.
  std::optional<bool>
      sigmoid;  ///< true: accelerd applies a sigmoid to a mask of one channel; false: it holds probabilities already.
  std::optional<Precision> precision;
  std::optional<PerformanceHint> performance_hint;  ///< Default: throughput.
  std::optional<int> slots;                         ///< Inferences at once, 1 to 64. Default: what the device reports.
};

/// Reads the card of a model, and the labels file that it names (beside it; a relative path without ".."). A missing
/// card is an empty one. kInvalidArgument with file and line for broken TOML, an unknown key, a value of the wrong type
/// or out of range, labels that cannot be read. kPermissionDenied: the card is a link that leads where ModelFolder
/// refuses it. At most 1 MiB each file.
absl::StatusOr<ModelCard> ReadModelCard(const ModelFiles& files);

/// As ReadModelCard, of the text of the card at `path`; labels are looked for in `folder`.
absl::StatusOr<ModelCard> ParseModelCard(const std::string& text, const std::string& path, const ModelFolder& folder);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_CARD_H_
