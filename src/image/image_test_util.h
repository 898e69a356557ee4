#ifndef ACCELERD_IMAGE_IMAGE_TEST_UTIL_H_
#define ACCELERD_IMAGE_IMAGE_TEST_UTIL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "image/decode.h"
#include "image/image.h"

namespace accelerd {

using Bytes = std::vector<std::uint8_t>;

inline absl::StatusOr<Image> Decode(std::span<const std::uint8_t> encoded, const DecodeLimits& limits = {}) {
  return DecodeImage(std::as_bytes(encoded), {.limits = limits});
}

/// Decodes as with --accept-damaged-images.
inline absl::StatusOr<Image> DecodeDamaged(std::span<const std::uint8_t> encoded) {
  return DecodeImage(std::as_bytes(encoded), {.accept_damaged = true});
}

inline Bytes ToBytes(const Pixels& pixels) {
  return {pixels.begin(), pixels.end()};
}

/// Smooth colours with every channel different: rows * cols * 3 bytes.
inline Bytes Gradient(int rows, int cols) {
  Bytes pixels;
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < cols; ++x) {
      pixels.push_back(static_cast<std::uint8_t>(x * 255 / cols));
      pixels.push_back(static_cast<std::uint8_t>(y * 255 / rows));
      pixels.push_back(static_cast<std::uint8_t>((x + y) * 127 / (rows + cols)));
    }
  }
  return pixels;
}

inline Bytes SwapRedBlue(Bytes pixels) {
  for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) {
    std::swap(pixels[i], pixels[i + 2]);
  }
  return pixels;
}

/// EXIF from its byte order mark on, with this orientation.
inline Bytes ExifWithOrientation(std::uint8_t orientation, bool big_endian) {
  if (big_endian) {
    return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0};
  }
  return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0};
}

template <typename Range>
void Append(Bytes* bytes, const Range& more) {
  std::copy(more.begin(), more.end(), std::back_inserter(*bytes));
}

/// Appends a number of `size` bytes, least significant first.
inline void AppendNumber(Bytes* bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) {
    bytes->push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_IMAGE_TEST_UTIL_H_
