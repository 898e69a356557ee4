#ifndef ACCELERD_SERVICE_IMAGE_INPUT_H_
#define ACCELERD_SERVICE_IMAGE_INPUT_H_

#include "image/to_tensor.h"
#include "model/model_card.h"
#include "model/model_files.h"
#include "model/tensor_spec.h"

namespace accelerd {

/// How a model's input wants an image, from its signature, its card and its kind of file.
///
/// What the card does not say is inferred: the layout from the file's own words, else from where 1 or 3 channels are;
/// the colour order is BGR for OpenVINO IR, as the original service fed it, and RGB for ONNX and TFLite, as the
/// frameworks that export these train. A batch size that is left open is 1.
///
/// kFailedPrecondition: the model takes no image (several inputs, another rank or type, a size that nobody says); it
/// still serves tensors. kInvalidArgument: the card contradicts the model.
absl::StatusOr<ImageFormat> ResolveImageFormat(const Signature& signature, const ModelCard& card, ModelFormat format);

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_IMAGE_INPUT_H_
