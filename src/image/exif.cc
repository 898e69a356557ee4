#include "image/exif.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "image/opencv.h"

namespace accelerd {
namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::size_t kEntryBytes = 12;
constexpr std::uint32_t kLongType = 4;

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

int ExifOrientation(std::span<const std::byte> exif) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (exif.size() >= kPrefix.size() && std::memcmp(exif.data(), kPrefix.data(), kPrefix.size()) == 0) {
    exif = exif.subspan(kPrefix.size());
  }
  if (exif.size() < 8 || exif[0] != exif[1] || (exif[0] != std::byte{'I'} && exif[0] != std::byte{'M'})) {
    return 1;
  }
  const TiffReader reader(exif, exif[0] == std::byte{'M'});
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
      // The standard says SHORT; some programs write LONG.
      const std::size_t size = reader.Read(entry + 2, 2) == kLongType ? 4 : 2;
      const std::uint32_t value = reader.Read(entry + 8, size).value_or(1);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

Image ApplyOrientation(Image image, int orientation) {
  constexpr int kUpsideDown = 0;
  constexpr int kMirrored = 1;
  constexpr int kBoth = -1;
  UseCallingThreadAlone();
  if (Transposes(orientation)) {
    Image seen;
    seen.rows = image.cols;
    seen.cols = image.rows;
    seen.warning = std::move(image.warning);
    seen.memory = std::move(image.memory);
    seen.pixels.resize(image.pixels.size());
    cv::Mat target(seen.rows, seen.cols, CV_8UC3, seen.pixels.data());
    cv::transpose(cv::Mat(image.rows, image.cols, CV_8UC3, image.pixels.data()), target);
    image = std::move(seen);
  }
  cv::Mat pixels(image.rows, image.cols, CV_8UC3, image.pixels.data());
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(pixels, pixels, kMirrored);
      break;
    case 3:
    case 7:
      cv::flip(pixels, pixels, kBoth);
      break;
    case 4:
    case 8:
      cv::flip(pixels, pixels, kUpsideDown);
      break;
    default:  // 1: as stored. 5: transposed alone.
      break;
  }
  return image;
}

}  // namespace accelerd
