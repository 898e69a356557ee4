#ifndef ACCELERD_FRONTEND_HTTP_NPY_H_
#define ACCELERD_FRONTEND_HTTP_NPY_H_

/// \file
/// Arrays as files of NumPy's .npy format, version 1.0, which `numpy.load` reads. Specification:
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <string>

#include "base/tensor.h"
#include "image/image.h"
#include "task/result.h"

namespace accelerd {

/// The tensor with its own type and shape; bf16, which NumPy does not have, becomes float32.
std::string NpyFromTensor(const Tensor& tensor);

/// What comes before the pixels of the image: uint8 of shape (rows, cols, 3), BGR.
std::string NpyHeader(const Image& image);

/// int32 of shape (rows, cols).
std::string NpyFromMask(const Mask& mask);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_NPY_H_
