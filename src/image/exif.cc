#include "image/exif.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "opencv2/core.hpp"

namespace accelerd {
namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::size_t kEntryBytes = 12;

/// Numbers of a TIFF structure in its byte order.
class TiffReader {
 public:
  TiffReader(std::span<const std::byte> bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<std::uint32_t> Read(std::size_t offset, std::size_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) {
      return std::nullopt;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t from_top = big_endian_ ? i : size - 1 - i;
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[offset + from_top]);
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  bool big_endian_;
};

}  // namespace

int ExifOrientation(std::span<const std::byte> tiff) {
  if (tiff.size() < 8 || tiff[0] != tiff[1] || (tiff[0] != std::byte{'I'} && tiff[0] != std::byte{'M'})) {
    return 1;
  }
  const TiffReader reader(tiff, tiff[0] == std::byte{'M'});
  const std::size_t directory = *reader.Read(4, 4);
  const std::optional<std::uint32_t> entries = reader.Read(directory, 2);
  if (reader.Read(2, 2) != 42U || !entries) {
    return 1;
  }
  for (std::size_t i = 0; i < *entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    const std::optional<std::uint32_t> tag = reader.Read(entry, 2);
    if (!tag) {
      return 1;
    }
    if (*tag == kOrientationTag) {
      const std::uint32_t value = reader.Read(entry + 8, 2).value_or(1);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

Image ApplyOrientation(Image image, int orientation) {
  if (orientation == 1) {
    return image;
  }
  const cv::Mat stored(image.rows, image.cols, CV_8UC3, image.pixels.data());
  const bool transposed = orientation >= 5;
  Image seen;
  seen.rows = transposed ? image.cols : image.rows;
  seen.cols = transposed ? image.rows : image.cols;
  seen.pixels.resize(image.pixels.size());
  cv::Mat target(seen.rows, seen.cols, CV_8UC3, seen.pixels.data());
  if (transposed) {
    cv::transpose(stored, target);
  }
  constexpr int kUpsideDown = 0;
  constexpr int kMirrored = 1;
  constexpr int kBoth = -1;
  switch (orientation) {
    case 2:
      cv::flip(stored, target, kMirrored);
      break;
    case 3:
      cv::flip(stored, target, kBoth);
      break;
    case 4:
      cv::flip(stored, target, kUpsideDown);
      break;
    case 6:
      cv::flip(target, target, kMirrored);
      break;
    case 7:
      cv::flip(target, target, kBoth);
      break;
    case 8:
      cv::flip(target, target, kUpsideDown);
      break;
    default:  // 5: transposed alone.
      break;
  }
  return seen;
}

}  // namespace accelerd
