#ifndef ACCELERD_IMAGE_TO_TENSOR_H_
#define ACCELERD_IMAGE_TO_TENSOR_H_

#include <array>
#include <optional>

#include "base/tensor.h"
#include "image/image.h"

namespace accelerd {

/// How integers stand for real numbers: real = (integer - zero_point) * scale.
struct Quantization {
  float scale = 1.0F;  ///< Never 0.
  float zero_point = 0.0F;
};

/// How a model wants its image.
struct ImageFormat {
  int batch = 1;     ///< The image is repeated this many times. 1 without a batch dimension.
  int channels = 3;  ///< 3, or 1: grey by OpenCV's BGR2GRAY. 1 without a channel dimension.
  int height = 0;
  int width = 0;
  bool has_batch = true;                            ///< Whether the tensor has a batch dimension, the first one.
  bool has_channels = true;                         ///< Whether the tensor has a channel dimension.
  bool planar = true;                               ///< NCHW; false: NHWC.
  bool rgb = false;                                 ///< Channel order; false: BGR.
  ElementType element_type = ElementType::kF32;     ///< See IsImageElement.
  std::array<float, 3> mean = {0.0F, 0.0F, 0.0F};   ///< In the model's channel order. value = (pixel - mean) / scale.
  std::array<float, 3> scale = {1.0F, 1.0F, 1.0F};  ///< Never 0.
  /// How an integer element stands for the value: the nearest integer that the type holds. Without it an integer
  /// element is the pixel's byte.
  std::optional<Quantization> quantization;

  /// Shape of the tensor: [batch, channels, height, width] or [batch, height, width, channels], without the dimensions
  /// that the tensor does not have.
  Shape shape() const;
};

/// Returns true for the types that an image can be converted to: f32, f16, bf16, f64, u8, i8, i32 and i64.
bool IsImageElement(ElementType type);

/// Whether ImageToTensor can produce `format`: sizes from 1 to 16,384, a supported element type; an integer type with
/// neither mean nor scale unless it has a quantisation; i8 only with one.
absl::Status ValidateImageFormat(const ImageFormat& format);

/// Stretches `image` to the format's size exactly as OpenCV's bilinear `resize` does, converts it, and writes it to
/// `tensor`. REQUIRES: `format` is valid; `tensor` has its type and shape. Thread-safe.
absl::Status ImageToTensor(const Image& image, const ImageFormat& format, const Tensor& tensor);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_TO_TENSOR_H_
