#ifndef ACCELERD_IMAGE_TO_TENSOR_H_
#define ACCELERD_IMAGE_TO_TENSOR_H_

#include <array>

#include "base/tensor.h"
#include "image/image.h"

namespace accelerd {

/// How a model wants its image.
struct ImageFormat {
  int batch = 1;     ///< The image is repeated this many times.
  int channels = 3;  ///< 3, or 1: grey by OpenCV's BGR2GRAY.
  int height = 0;
  int width = 0;
  bool planar = true;                               ///< NCHW; false: NHWC.
  bool rgb = false;                                 ///< Channel order; false: BGR.
  ElementType element_type = ElementType::kF32;     ///< kF32 or kU8.
  std::array<float, 3> mean = {0.0F, 0.0F, 0.0F};   ///< In the model's channel order. value = (pixel - mean) / scale.
  std::array<float, 3> scale = {1.0F, 1.0F, 1.0F};  ///< Never 0.

  /// Shape of the tensor: [batch, channels, height, width] or [batch, height, width, channels].
  Shape shape() const;
};

/// Whether ImageToTensor can produce `format`: sizes from 1 to 16,384, a supported element type; u8 with neither mean
/// nor scale.
absl::Status ValidateImageFormat(const ImageFormat& format);

/// Stretches `image` to the format's size exactly as OpenCV's bilinear `resize` does, converts it, and writes it to
/// `tensor`. REQUIRES: `format` is valid; `tensor` has its type and shape. Thread-safe.
absl::Status ImageToTensor(const Image& image, const ImageFormat& format, const Tensor& tensor);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_TO_TENSOR_H_
