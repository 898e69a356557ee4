#ifndef ACCELERD_IMAGE_IMAGE_H_
#define ACCELERD_IMAGE_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace accelerd {

/// A decoded image: 8-bit BGR, interleaved, rows top to bottom without padding.
struct Image {
  int rows = 0;
  int cols = 0;
  std::vector<std::uint8_t> pixels;  ///< rows * cols * 3.
};

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_IMAGE_H_
