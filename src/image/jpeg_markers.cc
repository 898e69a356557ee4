#include "image/jpeg_markers.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace accelerd {
namespace {

enum Marker : std::uint8_t {
  kTem = 0x01,
  kFirstFrame = 0xC0,
  kHuffmanTables = 0xC4,
  kJpgExtension = 0xC8,
  kArithmeticConditioning = 0xCC,
  kLastFrame = 0xCF,
  kFirstRestart = 0xD0,
  kStartOfImage = 0xD8,
  kEndOfImage = 0xD9,
  kStartOfScan = 0xDA,
  kApp1 = 0xE1,
};

bool IsFrame(std::uint8_t marker) {
  return marker >= kFirstFrame && marker <= kLastFrame && marker != kHuffmanTables && marker != kJpgExtension &&
         marker != kArithmeticConditioning;
}

bool StandsAlone(std::uint8_t marker) {
  return marker == kTem || (marker >= kFirstRestart && marker <= kStartOfImage);
}

/// Returns the marker at or after `*position`, and moves `*position` behind it. 0: there is none.
std::uint8_t NextMarker(EncodedBytes encoded, std::size_t* position) {
  while (*position < encoded.size()) {
    const void* found = std::memchr(encoded.data() + *position, 0xFF, encoded.size() - *position);
    if (found == nullptr) {
      break;
    }
    *position = static_cast<std::size_t>(static_cast<const std::byte*>(found) - encoded.data());
    while (*position < encoded.size() && encoded[*position] == std::byte{0xFF}) {
      ++*position;
    }
    if (*position < encoded.size()) {
      const auto marker = std::to_integer<std::uint8_t>(encoded[(*position)++]);
      if (marker != 0) {
        return marker;
      }
    }
  }
  return 0;
}

}  // namespace

JpegSegments ReadJpegSegments(EncodedBytes encoded) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  JpegSegments segments;
  std::size_t position = 0;
  for (;;) {
    const std::uint8_t marker = NextMarker(encoded, &position);
    if (marker == 0 || marker == kEndOfImage || marker == kStartOfScan) {
      return segments;
    }
    if (StandsAlone(marker)) {
      continue;
    }
    const EncodedBytes rest = encoded.subspan(position);
    if (rest.size() < 2) {
      return segments;
    }
    const std::size_t length = std::to_integer<std::size_t>(rest[0]) << 8 | std::to_integer<std::size_t>(rest[1]);
    if (length < 2) {
      return segments;  // libjpeg refuses the file.
    }
    const EncodedBytes segment = rest.first(std::min(length, rest.size())).subspan(2);
    position += std::min(length, rest.size());
    if (IsFrame(marker) && segments.frame == 0) {
      segments.frame = marker;
    }
    if (marker == kApp1 && !segments.exif && segment.size() > kExif.size() &&
        std::memcmp(segment.data(), kExif.data(), kExif.size()) == 0) {
      segments.exif = segment;
    }
  }
}

}  // namespace accelerd
