#ifndef ACCELERD_IMAGE_RESIZE_H_
#define ACCELERD_IMAGE_RESIZE_H_

#include <cstdint>
#include <vector>

#include "image/image.h"

namespace accelerd {

/// `image` stretched to `cols` x `rows` with bilinear interpolation, bit for bit as OpenCV's `resize` (INTER_LINEAR).
/// REQUIRES: image not empty; cols, rows >= 1. Thread-safe; uses the calling thread alone. Throws std::bad_alloc.
Image ResizeBilinear(const Image& image, int rows, int cols);

/// A map of classes, `from_rows` x `from_cols` row-major, stretched to `rows` x `cols` by nearest neighbour, bit for
/// bit as OpenCV's `resize` (INTER_NEAREST). A map that has the size already is passed on without a copy. REQUIRES: all
/// sizes >= 1. Thread-safe; uses the calling thread alone. Throws std::bad_alloc.
std::vector<std::int32_t> ResizeNearest(std::vector<std::int32_t> map, int from_rows, int from_cols, int rows,
                                        int cols);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_RESIZE_H_
