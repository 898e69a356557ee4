#ifndef ACCELERD_IMAGE_EXIF_H_
#define ACCELERD_IMAGE_EXIF_H_

#include <cstddef>
#include <span>

#include "image/image.h"

namespace accelerd {

/// Returns how the stored rows and columns lie in the scene: tag 0x0112 of EXIF, from 1 (as stored) to 8.
///
/// `exif` is the EXIF data from its byte order mark ("II" or "MM") on. A prefix "Exif\0\0" is skipped: JPEG requires
/// it, and some programs write it into WebP and PNG too. The result is 1 if anything is missing or damaged.
int ExifOrientation(std::span<const std::byte> exif);

/// Returns `image` turned and mirrored to how it is meant to be seen. An orientation from 5 to 8 takes as much memory
/// again as the image has. REQUIRES: orientation from 1 to 8.
Image ApplyOrientation(Image image, int orientation);

/// Returns true if ApplyOrientation needs a second image.
constexpr bool Transposes(int orientation) {
  return orientation >= 5;
}

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_EXIF_H_
