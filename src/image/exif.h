#ifndef ACCELERD_IMAGE_EXIF_H_
#define ACCELERD_IMAGE_EXIF_H_

#include <cstddef>
#include <span>

#include "image/image.h"

namespace accelerd {

/// How the stored rows and columns lie in the scene: tag 0x0112 of EXIF, 1 (as stored) to 8.
///
/// `tiff` is the EXIF data from its byte order mark ("II" or "MM") on. Anything missing or damaged is 1.
int ExifOrientation(std::span<const std::byte> tiff);

/// `image` turned and mirrored to how it is meant to be seen. REQUIRES: orientation from 1 to 8.
Image ApplyOrientation(Image image, int orientation);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_EXIF_H_
