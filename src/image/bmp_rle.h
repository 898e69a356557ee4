#ifndef ACCELERD_IMAGE_BMP_RLE_H_
#define ACCELERD_IMAGE_BMP_RLE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "image/codecs.h"

namespace accelerd {

/// Blue, green, red of each index; black where the file has none.
using BmpPalette = std::array<std::array<std::uint8_t, 3>, 256>;

/// Decodes the runs of a BMP's RLE4 (`bits` 4) or RLE8 (8) to one palette index a pixel, rows in the file's order.
/// Pixels that the runs skip have index 0. kInvalidArgument: truncated, or a run beyond the image. REQUIRES: rows and
/// cols within the limits of decoding.
absl::StatusOr<std::vector<std::uint8_t>> DecodeBmpRuns(EncodedBytes data, int bits, int rows, int cols);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_BMP_RLE_H_
