#ifndef ACCELERD_IMAGE_DECODE_H_
#define ACCELERD_IMAGE_DECODE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "image/image.h"

namespace accelerd {

/// Bounds that are judged on the header, before memory is allocated.
struct DecodeLimits {
  std::int64_t max_pixels = 50'000'000;  ///< Rows times columns.
  int max_dimension = 16'384;            ///< Rows, and columns.
};

/// Decodes JPEG, PNG, WebP or BMP, told apart by content, to what OpenCV's `imread` gives by default: BGR, grey
/// expanded, alpha dropped, 16 bit cut to the upper 8, EXIF orientation applied (JPEG, PNG, WebP). Of an animation the
/// first frame.
///
/// Bit-exact with OpenCV for JPEG (grey and colour), PNG, BMP and lossless WebP; within 2 for CMYK JPEG and lossy WebP.
/// kInvalidArgument: empty, of no known format, damaged, truncated, or beyond `limits`; the message says which.
/// kResourceExhausted: the machine has no memory for it. Thread-safe; uses the calling thread alone.
absl::StatusOr<Image> DecodeImage(std::span<const std::byte> encoded, const DecodeLimits& limits);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_DECODE_H_
