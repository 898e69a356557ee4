#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

struct BmpFile {
  int bits = 24;
  int compression = 0;
  std::int32_t rows = 1;
  std::int32_t cols = 1;
  Bytes palette = {};  ///< Four bytes an entry.
  std::uint32_t header_bytes = 40;
  std::vector<std::uint32_t> masks = {};  ///< Red, green, blue.
};

Bytes EncodeBmp(const BmpFile& file, const Bytes& data) {
  Bytes header;
  AppendNumber(&header, file.header_bytes, 4);
  AppendNumber(&header, static_cast<std::uint32_t>(file.cols), 4);
  AppendNumber(&header, static_cast<std::uint32_t>(file.rows), 4);
  AppendNumber(&header, 1, 2);
  AppendNumber(&header, file.bits, 2);
  AppendNumber(&header, file.compression, 4);
  header.resize(32);
  AppendNumber(&header, file.palette.size() / 4, 4);
  header.resize(40);
  for (const std::uint32_t mask : file.masks) {
    AppendNumber(&header, mask, 4);
  }
  header.resize(std::max<std::size_t>(header.size(), file.header_bytes));
  Bytes bmp = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0};
  AppendNumber(&bmp, 14 + header.size() + file.palette.size(), 4);
  for (const Bytes& part : {header, file.palette, data}) {
    bmp.insert(bmp.end(), part.begin(), part.end());
  }
  return bmp;
}

Bytes DecodeOk(const BmpFile& file, const Bytes& data) {
  const auto image = Decode(EncodeBmp(file, data));
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? ToBytes(image->pixels) : Bytes();
}

const Bytes kPalette = {1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0};

/// The palette's colours of these indices.
Bytes Colors(const Bytes& indices) {
  Bytes pixels;
  for (const std::uint8_t index : indices) {
    pixels.insert(pixels.end(), kPalette.begin() + index * 4, kPalette.begin() + index * 4 + 3);
  }
  return pixels;
}

TEST(BmpTest, BottomUpAndTopDown) {
  const Bytes data = {1, 2, 3, 0, 4, 5, 6, 0};  // Rows are padded to four bytes.
  EXPECT_EQ(DecodeOk({.rows = 2}, data), (Bytes{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(DecodeOk({.rows = -2}, data), (Bytes{1, 2, 3, 4, 5, 6}));
}

TEST(BmpTest, PalettesOfEveryDepth) {
  EXPECT_EQ(DecodeOk({.bits = 1, .cols = 3, .palette = kPalette}, {0b01000000, 0, 0, 0}), Colors({0, 1, 0}));
  EXPECT_EQ(DecodeOk({.bits = 4, .cols = 3, .palette = kPalette}, {0x12, 0x30, 0, 0}), Colors({1, 2, 3}));
  EXPECT_EQ(DecodeOk({.bits = 8, .cols = 2, .palette = kPalette}, {3, 1, 0, 0}), Colors({3, 1}));
}

TEST(BmpTest, IndexWithoutColorIsBlack) {
  EXPECT_EQ(DecodeOk({.bits = 8, .palette = kPalette}, {200, 0, 0, 0}), (Bytes{0, 0, 0}));
}

TEST(BmpTest, SixteenBits) {
  const Bytes white = {0xFF, 0xFF, 0, 0};
  EXPECT_EQ(DecodeOk({.bits = 16}, {0x1F, 0x7C, 0, 0}), (Bytes{0xF8, 0, 0xF8}));
  EXPECT_EQ(DecodeOk({.bits = 16}, white), (Bytes{0xF8, 0xF8, 0xF8}));
  EXPECT_EQ(DecodeOk({.bits = 16, .compression = 3, .masks = {0xF800, 0x7E0, 0x1F}}, white), (Bytes{0xF8, 0xFC, 0xF8}));
  EXPECT_THAT(std::string(Message(
                  Decode(EncodeBmp({.bits = 16, .compression = 3, .masks = {0xF00, 0xF0, 0xF}}, white)).status())),
              HasSubstr("neither 5-5-5 nor 5-6-5"));
}

TEST(BmpTest, ThirtyTwoBitsWithoutAlpha) {
  EXPECT_EQ(DecodeOk({.bits = 32}, {1, 2, 3, 99}), (Bytes{1, 2, 3}));
  const std::vector<std::uint32_t> red_first = {0xFF, 0xFF00, 0xFF0000};
  EXPECT_EQ(DecodeOk({.bits = 32, .compression = 3, .header_bytes = 108, .masks = red_first}, {1, 2, 3, 99}),
            (Bytes{3, 2, 1}));
  EXPECT_FALSE(
      Decode(EncodeBmp({.bits = 32, .compression = 3, .header_bytes = 108, .masks = {1, 2, 4}}, {1, 2, 3, 9})).ok());
}

TEST(BmpTest, Os2Header) {
  Bytes bmp = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 12, 0, 0, 0, 2, 0, 1, 0, 1, 0, 1, 0};
  for (const std::uint8_t byte : {1, 2, 3, 4, 5, 6, 0b01000000, 0, 0, 0}) {
    bmp.push_back(byte);
  }
  const auto image = Decode(bmp);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(ToBytes(image->pixels), (Bytes{1, 2, 3, 4, 5, 6}));
}

TEST(BmpTest, RunsOf8Bits) {
  const BmpFile file = {.bits = 8, .compression = 1, .rows = 3, .cols = 3, .palette = kPalette};
  // Encoded run and end of line; three literal pixels (padded), end of line; jump by one, run, end.
  EXPECT_EQ(DecodeOk(file, {3, 1, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 1, 0, 2, 2, 0, 1}),
            Colors({0, 2, 2, 1, 2, 3, 1, 1, 1}));
  // What is left out has the first color.
  EXPECT_EQ(DecodeOk(file, {1, 3, 0, 1}), Colors({0, 0, 0, 0, 0, 0, 3, 0, 0}));
}

TEST(BmpTest, RunsOf4Bits) {
  const BmpFile file = {.bits = 4, .compression = 2, .rows = 2, .cols = 5, .palette = kPalette};
  EXPECT_EQ(DecodeOk(file, {5, 0x12, 0, 0, 0, 5, 0x12, 0x31, 0x20, 0, 0, 1}), Colors({1, 2, 3, 1, 2, 1, 2, 1, 2, 1}));
}

TEST(BmpTest, RunsBeyondTheImageAreRefused) {
  const BmpFile file = {.bits = 8, .compression = 1, .rows = 2, .cols = 3, .palette = kPalette};
  for (const Bytes& data : {Bytes{4, 1, 0, 1},              // Run beyond the row.
                            Bytes{1, 1, 3, 1, 0, 1},        // Likewise, begun within it.
                            Bytes{0, 4, 1, 1, 1, 1, 0, 1},  // Literal pixels beyond the row.
                            Bytes{0, 2, 4, 0, 0, 1},        // Jump beyond the row.
                            Bytes{0, 2, 0, 3, 0, 1}}) {     // Jump beyond the last row.
    EXPECT_THAT(std::string(Message(Decode(EncodeBmp(file, data)).status())), HasSubstr("leaves the image"))
        << testing::PrintToString(data);
  }
}

TEST(BmpTest, TruncatedRunsAreRefused) {
  const BmpFile file = {.bits = 8, .compression = 1, .rows = 2, .cols = 3, .palette = kPalette};
  const Bytes data = {3, 1, 0, 0, 0, 3, 1, 1, 1, 0};
  ASSERT_EQ(DecodeOk(file, data).size(), 18U) << "the last row is full, so its end need not be marked";
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_THAT(std::string(Message(Decode(EncodeBmp(file, Bytes(data.begin(), data.begin() + size))).status())),
                HasSubstr("truncated"))
        << size;
  }
}

TEST(BmpTest, EveryTruncationIsRefused) {
  const Bytes encoded = EncodeBmp({.bits = 8, .rows = 3, .cols = 3, .palette = kPalette}, Bytes(12, 1));
  ASSERT_TRUE(Decode(encoded).ok());
  for (std::size_t size = 2; size < encoded.size(); ++size) {
    ASSERT_EQ(Decode(std::span(encoded).first(size)).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
}

TEST(BmpTest, ImpossibleHeadersAreRefused) {
  const Bytes data(64, 0);
  for (const BmpFile& file :
       {BmpFile{.bits = 2}, BmpFile{.compression = 4}, BmpFile{.bits = 24, .compression = 1}, BmpFile{.rows = 0},
        BmpFile{.cols = -1}, BmpFile{.header_bytes = 16}, BmpFile{.bits = 8, .palette = Bytes(257 * 4, 0)}}) {
    EXPECT_EQ(Decode(EncodeBmp(file, data)).status().code(), absl::StatusCode::kInvalidArgument);
  }
  for (const BmpFile& file : {BmpFile{.rows = INT32_MIN}, BmpFile{.rows = INT32_MAX, .cols = INT32_MAX}}) {
    EXPECT_EQ(Decode(EncodeBmp(file, data)).status().code(), absl::StatusCode::kOutOfRange);
  }
}

}  // namespace
}  // namespace accelerd
