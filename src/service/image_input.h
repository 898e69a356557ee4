#ifndef ACCELERD_SERVICE_IMAGE_INPUT_H_
#define ACCELERD_SERVICE_IMAGE_INPUT_H_

#include <cstddef>
#include <vector>

#include "image/to_tensor.h"
#include "model/model_card.h"
#include "model/model_files.h"
#include "model/model_info.h"
#include "service/size_input.h"

namespace accelerd {

/// How the inputs of a model are filled from one image.
struct ImageInputs {
  std::size_t image = 0;  ///< Which input takes the image.
  ImageFormat format;
  std::vector<SizeInput> sizes;  ///< The others: sizes + 1 inputs in all.
};

/// Finds out how a model wants an image, from its signature, its graph, its card and its kind of file.
///
/// What the card does not say is inferred:
/// - The image input is the only one that does not describe the image (size_input.h).
/// - The layout comes from the file's own words, or from where 1 or 3 channels are. [?,28,28] and [1,28,28] are one
/// grey
///   image, [3,H,W] and [H,W,3] a colour image without a batch.
/// - The colour order is BGR for OpenVINO IR, as the original service fed it, and RGB for ONNX and TFLite, as the
///   frameworks that export these train.
/// - A batch size that is left open is 1.
/// - i8 gets the byte minus 128. An integer input with a mean or scale gets the values quantised as the graph says.
///
/// kFailedPrecondition: the model takes no image (other inputs, another rank or type, a layout or size that nobody
/// says); it still serves tensors. kInvalidArgument: the card contradicts the model.
absl::StatusOr<ImageInputs> ResolveImageInputs(const ModelInfo& info, const ModelCard& card, ModelFormat format);

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_IMAGE_INPUT_H_
