#ifndef ACCELERD_CLI_MASK_PNG_H_
#define ACCELERD_CLI_MASK_PNG_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"

namespace accelerd {

struct Color {
  std::uint8_t red;
  std::uint8_t green;
  std::uint8_t blue;

  friend bool operator==(const Color&, const Color&) = default;
};

/// A colour for each class: black for 0, bright ones that differ for the others; neighbours differ most. Hues in steps
/// of the golden ratio, which spreads any number of them evenly around the circle.
std::array<Color, 256> MaskPalette();

/// A class map, row by row, as a PNG: an image with palette, the class as index, or 16-bit grey with the class as value
/// when there are classes above 255. kInvalidArgument: a class below 0 or above 65535, or sizes that do not fit.
absl::StatusOr<std::string> EncodeMaskPng(std::span<const std::int32_t> classes, std::int64_t rows,
                                          std::int64_t columns);

}  // namespace accelerd

#endif  // ACCELERD_CLI_MASK_PNG_H_
