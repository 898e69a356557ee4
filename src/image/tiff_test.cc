#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

enum Tag : std::uint16_t {
  kWidth = 256,
  kHeight = 257,
  kBits = 258,
  kCompression = 259,
  kPhotometric = 262,
  kOffsets = 273,
  kOrientation = 274,
  kSamples = 277,
  kRowsPerStrip = 278,
  kByteCounts = 279,
  kPlanar = 284,
  kTileWidth = 322,
  kTileHeight = 323,
  kTileOffsets = 324,
  kTileByteCounts = 325,
};
using Tags = std::map<std::uint16_t, std::vector<std::uint32_t>>;

/// An uncompressed RGB image of 8 bits, changed by `tags`. `parts` are its strips or tiles.
Bytes EncodeTiff(int rows, int cols, const std::vector<Bytes>& parts, Tags tags = {}) {
  Bytes file = {'I', 'I', 42, 0, 0, 0, 0, 0};
  std::vector<std::uint32_t> offsets;
  std::vector<std::uint32_t> sizes;
  for (const Bytes& part : parts) {
    offsets.push_back(static_cast<std::uint32_t>(file.size()));
    sizes.push_back(static_cast<std::uint32_t>(part.size()));
    Append(&file, part);
  }
  const bool tiled = tags.contains(kTileWidth);
  tags.insert({{kWidth, {static_cast<std::uint32_t>(cols)}},
               {kHeight, {static_cast<std::uint32_t>(rows)}},
               {kBits, {8, 8, 8}},
               {kCompression, {1}},
               {kPhotometric, {2}},
               {kSamples, {3}},
               {tiled ? kTileOffsets : kOffsets, offsets},
               {tiled ? kTileByteCounts : kByteCounts, sizes}});
  std::map<std::uint16_t, std::uint32_t> far;
  for (const auto& [tag, values] : tags) {
    if (values.size() > 1) {
      far[tag] = static_cast<std::uint32_t>(file.size());
      for (const std::uint32_t value : values) {
        AppendNumber(&file, value, 4);
      }
    }
  }
  const std::size_t directory = file.size();
  AppendNumber(&file, tags.size(), 2);
  constexpr int kLong = 4;
  for (const auto& [tag, values] : tags) {
    AppendNumber(&file, tag, 2);
    AppendNumber(&file, kLong, 2);
    AppendNumber(&file, values.size(), 4);
    AppendNumber(&file, values.size() > 1 ? far[tag] : values.front(), 4);
  }
  AppendNumber(&file, 0, 4);
  for (int i = 0; i < 4; ++i) {
    file[4 + i] = static_cast<std::uint8_t>(directory >> (8 * i));
  }
  return file;
}

Bytes PixelsOf(const Bytes& file) {
  const auto image = Decode(file);
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? ToBytes(image->pixels) : Bytes();
}

std::string ErrorOf(const Bytes& file) {
  const absl::Status status = Decode(file).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(Message(status));
}

TEST(TiffTest, StripsOfColors) {
  const Bytes pixels = Gradient(7, 5);
  EXPECT_EQ(PixelsOf(EncodeTiff(7, 5, {pixels})), SwapRedBlue(pixels));
  constexpr std::ptrdiff_t kRow = 15;
  const auto row = pixels.begin();
  EXPECT_EQ(PixelsOf(EncodeTiff(7, 5,
                                {Bytes(row, row + 3 * kRow), Bytes(row + 3 * kRow, row + 6 * kRow),
                                 Bytes(row + 6 * kRow, row + 7 * kRow)},
                                {{kRowsPerStrip, {3}}})),
            SwapRedBlue(pixels));
}

TEST(TiffTest, EveryOrientation) {
  const Bytes gray = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6};
  const std::vector<Bytes> expected = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
                                       {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    const auto image = Decode(EncodeTiff(2, 3, {gray}, {{kOrientation, {orientation}}}));
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->rows, orientation >= 5 ? 3 : 2);
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(image->pixels[i * 3], expected[orientation - 1][i]) << orientation << " at " << i;
    }
  }
}

TEST(TiffTest, Tiles) {
  // Two tiles of 16 x 16 beside each other; the right one stands out of the image.
  const Bytes left(std::size_t{16} * 16 * 3, 10);
  const Bytes right(std::size_t{16} * 16 * 3, 20);
  const Tags tags = {{kTileWidth, {16}}, {kTileHeight, {16}}};
  const auto image = Decode(EncodeTiff(16, 20, {left, right}, tags));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->cols, 20);
  EXPECT_EQ(image->pixels[15 * 3], 10);
  EXPECT_EQ(image->pixels[16 * 3], 20);
}

TEST(TiffTest, EveryTruncationIsRefused) {
  // The directory comes last, so the file's beginning is the data.
  const Bytes file = EncodeTiff(4, 4, {Gradient(4, 4)});
  for (std::size_t size = 4; size < file.size() - 4; ++size) {
    EXPECT_FALSE(Decode(std::span(file).first(size)).ok()) << size << " of " << file.size();
  }
}

TEST(TiffTest, WhatIsNotBoundedIsRefused) {
  constexpr std::uint32_t kLzma = 34925;
  EXPECT_THAT(ErrorOf(EncodeTiff(4, 4, {Gradient(4, 4)}, {{kCompression, {kLzma}}})), HasSubstr("compression 34925"));
  EXPECT_THAT(ErrorOf(EncodeTiff(4, 4, {Gradient(4, 4)}, {{kBits, {32, 32, 32}}})), HasSubstr("32-bit samples"));
  const auto huge = Decode(EncodeTiff(70'000, 4, {Gradient(4, 4)}));
  EXPECT_EQ(huge.status().code(), absl::StatusCode::kOutOfRange);
  const Tags tile = {{kTileWidth, {1U << 20}}, {kTileHeight, {16}}};
  EXPECT_EQ(Decode(EncodeTiff(4, 4, {Gradient(4, 4)}, tile)).status().code(), absl::StatusCode::kOutOfRange)
      << "a tile far larger than the image";
}

TEST(TiffTest, JpegPartsMustBeBaseline) {
  constexpr std::uint32_t kJpeg = 7;
  const Bytes progressive = {0xFF, 0xD8, 0xFF, 0xC2, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xFF, 0xD9};
  EXPECT_THAT(ErrorOf(EncodeTiff(4, 4, {progressive}, {{kCompression, {kJpeg}}})), HasSubstr("not baseline"));
  Bytes scans = {0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0};
  for (int i = 0; i < 5; ++i) {
    scans.insert(scans.end(), {0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0});
  }
  EXPECT_THAT(ErrorOf(EncodeTiff(4, 4, {scans}, {{kCompression, {kJpeg}}})), HasSubstr("too many scans"));
}

TEST(TiffTest, ADamagedPictureIsGivenOnDemand) {
  constexpr std::uint32_t kDeflate = 8;
  // A zlib stream that breaks off in its only stored block.
  Bytes stream = {0x78, 0x01, 0x01, 48, 0, 0xCF, 0xFF};
  Append(&stream, Bytes(30, 77));
  const Bytes file = EncodeTiff(4, 4, {stream}, {{kCompression, {kDeflate}}});
  ErrorOf(file);
  const auto image = DecodeDamaged(file);
  if (image.ok()) {  // Whether there is a picture is the library's choice.
    EXPECT_THAT(image->warning, HasSubstr("TIFF image: "));
  }
}

}  // namespace
}  // namespace accelerd
