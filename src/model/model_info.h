#ifndef ACCELERD_MODEL_MODEL_INFO_H_
#define ACCELERD_MODEL_MODEL_INFO_H_

#include <string>
#include <vector>

#include "model/model_metadata.h"
#include "model/tensor_spec.h"

namespace accelerd {

/// What the graph behind an input says about its values.
struct InputFacts {
  /// The graph computes with (value - zero_point) * scale, as the exporters write the quantisation of an input.
  bool quantized = false;
  float scale = 1.0F;  ///< Never 0.
  float zero_point = 0.0F;

  friend bool operator==(const InputFacts&, const InputFacts&) = default;
};

/// What the graph before an output says about its values.
struct OutputFacts {
  /// A softmax, a sigmoid or a clamp from 0 to 1 produces the values: (value - zero_point) * scale is a probability.
  bool probabilities = false;
  /// Undoes the output's quantisation, or other scaling of probabilities; 1 for floating point otherwise.
  float scale = 1.0F;
  /// Subtracted before the scaling; not 0 for int8 outputs.
  float zero_point = 0.0F;
  /// The integers of the output stand for real numbers, by `scale` and `zero_point`.
  bool quantized = false;
  /// The values are indices that the graph chose (ArgMax, TopK) or the results of comparisons: classes, not scores.
  bool class_ids = false;
  /// A DetectionOutput produces the values: SSD rows.
  bool ssd_rows = false;
  /// The output is put together from parts along `class_axis`, as the grid of a detector is.
  bool mixed = false;
  /// The dimension of the output that holds the classes or channels; -1 when the graph does not say.
  int class_axis = -1;

  friend bool operator==(const OutputFacts&, const OutputFacts&) = default;
};

/// What was read and measured by whoever opened the model's files.
struct ModelInfo {
  Signature signature;
  std::vector<InputFacts> inputs;    ///< One for each of signature.inputs, or none.
  std::vector<OutputFacts> outputs;  ///< One for each of signature.outputs.
  int slots = 1;                     ///< Inferences that may run at once.
  ModelMetadata metadata;            ///< What the model's files state about its use; NAME.toml overrides it.
  std::string content_hash;          ///< SHA-256 in hexadecimal over the bytes that were compiled, side files included.
  std::vector<std::string> files;    ///< The files read, absolute.
  std::string runtime;  ///< What computes it: runtime, device and their versions, as far as they may change results.
  bool from_cache = false;  ///< Imported from the compiled-model cache instead of compiled.
};

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_INFO_H_
