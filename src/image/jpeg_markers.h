#ifndef ACCELERD_IMAGE_JPEG_MARKERS_H_
#define ACCELERD_IMAGE_JPEG_MARKERS_H_

#include <cstdint>
#include <optional>

#include "image/codecs.h"

namespace accelerd {

/// What the segments of a JPEG file before its first scan say. Reading them takes time linear in their size.
struct JpegSegments {
  /// The marker of the frame header, from 0xC0 (baseline) on. 0: there is none.
  std::uint8_t frame = 0;
  /// The first APP1 segment with EXIF data, from its prefix "Exif\0\0" on.
  std::optional<EncodedBytes> exif;
};

/// Reads the segments as libjpeg does: bytes that belong to no marker are skipped. `encoded` may be damaged.
JpegSegments ReadJpegSegments(EncodedBytes encoded);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_JPEG_MARKERS_H_
