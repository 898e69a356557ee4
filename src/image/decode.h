#ifndef ACCELERD_IMAGE_DECODE_H_
#define ACCELERD_IMAGE_DECODE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"
#include "image/decode_memory.h"
#include "image/image.h"

namespace accelerd {

/// Bounds that are checked on an image's header, before memory is allocated.
struct DecodeLimits {
  std::int64_t max_pixels = 100'000'000;  ///< Rows times columns.
  int max_dimension = 65'535;             ///< Rows, and columns.
};

/// Scans of a JPEG file. Encoders write about ten.
constexpr int kMaxJpegScans = 100;

struct DecodeOptions {
  DecodeLimits limits = {};
  /// If true, a damaged file gives the picture that OpenCV's `imread` gives, where it gives one. If false, it is
  /// refused.
  bool accept_damaged = false;
  DecodeStop stop = {};                            ///< Checked every few rows and every scan. Default: never.
  std::shared_ptr<DecodeMemory> memory = nullptr;  ///< Counts and bounds the decoder's memory. Null: neither.
};

/// Decodes JPEG, PNG, WebP, BMP, TIFF and PBM, PGM or PPM to what OpenCV's `imread` gives by default: BGR, grey
/// expanded, alpha dropped, 16 bits cut to the upper 8, the orientation of EXIF or TIFF applied. The format is told by
/// content. Of an animation or a file of several pages the result is the first one.
///
/// The result is bit-exact with OpenCV for JPEG (grey and colour), PNG, BMP, TIFF, PBM, PGM, PPM and lossless WebP. It
/// is within 2 for CMYK JPEG and lossy WebP.
///
/// The processor time is bounded by the number of pixels and the size of the file. JPEG scans are bounded by
/// kMaxJpegScans and by how often they visit a coefficient on average (eight times).
///
/// Errors: kInvalidArgument (empty, of no known format, damaged or truncated), kOutOfRange (beyond `limits` or the
/// memory's limit; the message names the option), kResourceExhausted (the machine has no memory for it), kCancelled and
/// kDeadlineExceeded (see `stop`). Thread-safe. The function uses the calling thread alone, and blocks while other
/// images use `memory`.
absl::StatusOr<Image> DecodeImage(std::span<const std::byte> encoded, const DecodeOptions& options);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_DECODE_H_
