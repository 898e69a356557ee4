#include "image/jpeg_markers.h"

#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

constexpr std::size_t kPrefixBytes = 6;
const Bytes kExif = {0xFF, 0xE1, 0, 10, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I'};
const Bytes kFrame = {0xFF, 0xC2, 0, 4, 1, 2};

JpegSegments Read(const Bytes& bytes) {
  return ReadJpegSegments(std::as_bytes(std::span(bytes)));
}

TEST(JpegMarkersTest, FindsExifAndFrame) {
  Bytes bytes = {0xFF, 0xD8, 0xFF, 0xE1, 0, 2, 0xFF, 0xE1, 0, 5, 'h', 't', 't'};
  Append(&bytes, kExif);
  Append(&bytes, kFrame);
  const JpegSegments segments = Read(bytes);
  EXPECT_EQ(segments.frame, 0xC2);
  ASSERT_TRUE(segments.exif);
  EXPECT_EQ(segments.exif->size(), kPrefixBytes + 2);
}

TEST(JpegMarkersTest, SkipsWhatBelongsToNoMarker) {
  Bytes bytes = {0xFF, 0xD8, 1, 2, 0xFF, 0, 0xFF, 0xD0, 0xFF, 0xFF};
  Append(&bytes, kExif);
  EXPECT_TRUE(Read(bytes).exif);
}

TEST(JpegMarkersTest, EndsAtTheFirstScan) {
  for (const std::uint8_t end : {0xD9, 0xDA}) {
    Bytes bytes = {0xFF, 0xD8, 0xFF, end, 0, 2};
    Append(&bytes, kExif);
    EXPECT_FALSE(Read(bytes).exif);
  }
}

TEST(JpegMarkersTest, DamagedFiles) {
  Bytes whole = {0xFF, 0xD8};
  Append(&whole, kExif);
  Append(&whole, kFrame);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Read(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));  // Reads nothing beyond.
  }
  EXPECT_FALSE(Read({0xFF, 0xD8, 0xFF, 0xE1, 0, 1, 'E', 'x'}).exif);
}

}  // namespace
}  // namespace accelerd
