#ifndef ACCELERD_SERVICE_SIZE_INPUT_H_
#define ACCELERD_SERVICE_SIZE_INPUT_H_

#include <cstddef>
#include <optional>

#include "base/tensor.h"
#include "image/to_tensor.h"
#include "model/tensor_spec.h"
#include "task/postprocessor.h"

namespace accelerd {

/// What an input that describes the image holds.
enum class SizeContent {
  kImageInfo,    ///< image_info, im_info: height and width of the image input, and the scale 1 (Faster R-CNN).
  kInputSize,    ///< im_shape: height and width of the image input (PaddleDetection).
  kScaleFactor,  ///< scale_factor: by how much height and width of the original image were scaled (PaddleDetection).
  kTargetSizes,  ///< orig_target_sizes: width and height of the original image (RT-DETR, D-FINE).
};

/// An input besides the image that the service fills from the image's size.
struct SizeInput {
  std::size_t index = 0;  ///< Among the model's inputs.
  SizeContent content = SizeContent::kImageInfo;
  ElementType element_type = ElementType::kF32;
  Shape shape;  ///< Known sizes.
};

/// Recognises an input that describes the image, by its name, shape and type: a row of two or three numbers of f32,
/// f64, i32 or i64 for each image of the batch. Returns nullopt for any other input.
std::optional<SizeInput> RecognizeSizeInput(const TensorSpec& spec, std::size_t index);

/// Writes the numbers for an `original` image that became the input `format`. REQUIRES: `tensor` has the type and shape
/// of `input`.
void FillSizeInput(const SizeInput& input, const ImageFormat& format, const ImageSize& original, const Tensor& tensor);

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_SIZE_INPUT_H_
