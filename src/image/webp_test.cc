#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"
#include "webp/encode.h"

namespace accelerd {
namespace {

constexpr std::size_t kRiffHeaderBytes = 12;

Bytes EncodeLossless(const Bytes& bgr, int rows, int cols) {
  std::uint8_t* memory = nullptr;
  const std::size_t size = WebPEncodeLosslessBGR(bgr.data(), cols, rows, cols * 3, &memory);
  Bytes encoded(memory, memory + size);
  WebPFree(memory);
  return encoded;
}

void AppendChunk(Bytes* file, std::string_view name, const Bytes& data) {
  Append(file, name);
  AppendNumber(file, data.size(), 4);
  Append(file, data);
  file->resize(file->size() + data.size() % 2);
}

/// An extended file: its canvas, then `chunks`.
Bytes Extended(std::uint8_t flags, int rows, int cols, const Bytes& chunks) {
  Bytes header = {flags, 0, 0, 0};
  AppendNumber(&header, cols - 1, 3);
  AppendNumber(&header, rows - 1, 3);
  Bytes body;
  AppendChunk(&body, "VP8X", header);
  Append(&body, chunks);
  Bytes file;
  Append(&file, std::string_view("RIFF"));
  AppendNumber(&file, body.size() + 4, 4);
  Append(&file, std::string_view("WEBP"));
  Append(&file, body);
  return file;
}

TEST(WebpTest, LosslessIsExact) {
  const Bytes pixels = Gradient(13, 21);
  const auto image = Decode(EncodeLossless(pixels, 13, 21));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->rows, 13);
  EXPECT_EQ(image->cols, 21);
  EXPECT_EQ(ToBytes(image->pixels), pixels);
}

TEST(WebpTest, AlphaIsDropped) {
  const Bytes bgra = {10, 20, 30, 1, 40, 50, 60, 254};
  std::uint8_t* memory = nullptr;
  const std::size_t size = WebPEncodeLosslessBGRA(bgra.data(), 2, 1, 8, &memory);
  const auto image = Decode({memory, size});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(ToBytes(image->pixels), (Bytes{10, 20, 30, 40, 50, 60}));
  WebPFree(memory);
}

TEST(WebpTest, LossyIsNear) {
  const Bytes gray(16 * 16 * 3, 100);
  std::uint8_t* memory = nullptr;
  const std::size_t size = WebPEncodeBGR(gray.data(), 16, 16, 48, 90, &memory);
  const auto image = Decode({memory, size});
  ASSERT_TRUE(image.ok()) << image.status();
  for (const std::uint8_t value : image->pixels) {
    EXPECT_NEAR(value, 100, 3);
  }
  WebPFree(memory);
}

TEST(WebpTest, ExifOrientationIsApplied) {
  const Bytes pixels = {1, 2, 3, 4, 5, 6};
  const Bytes simple = EncodeLossless(pixels, 1, 2);
  Bytes chunks(simple.begin() + kRiffHeaderBytes, simple.end());
  AppendChunk(&chunks, "EXIF", ExifWithOrientation(2, false));
  constexpr std::uint8_t kHasExif = 0x08;
  const auto image = Decode(Extended(kHasExif, 1, 2, chunks));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(ToBytes(image->pixels), (Bytes{4, 5, 6, 1, 2, 3}));
}

/// An animation whose first frame is one pixel at column 2, row 0.
Bytes Animation(int cols) {
  Bytes frame;
  AppendNumber(&frame, 1, 3);    // Column, in units of 2.
  AppendNumber(&frame, 0, 3);    // Row.
  AppendNumber(&frame, 0, 3);    // Width less 1.
  AppendNumber(&frame, 0, 3);    // Height less 1.
  AppendNumber(&frame, 100, 3);  // Milliseconds.
  AppendNumber(&frame, 0, 1);    // Flags.
  const Bytes simple = EncodeLossless({7, 8, 9}, 1, 1);
  Append(&frame, std::span(simple).subspan(kRiffHeaderBytes));
  Bytes chunks;
  AppendChunk(&chunks, "ANIM", {0, 0, 0, 0, 0, 0});
  AppendChunk(&chunks, "ANMF", frame);
  constexpr std::uint8_t kIsAnimation = 0x02;
  return Extended(kIsAnimation, 1, cols, chunks);
}

TEST(WebpTest, FirstFrameOfAnAnimation) {
  const auto image = Decode(Animation(3));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(ToBytes(image->pixels), (Bytes{0, 0, 0, 0, 0, 0, 7, 8, 9}));
}

TEST(WebpTest, FrameBeyondTheCanvasIsRefused) {
  EXPECT_EQ(Decode(Animation(2)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(WebpTest, EveryTruncationIsRefused) {
  const Bytes encoded = EncodeLossless(Gradient(13, 21), 13, 21);
  for (std::size_t size = kRiffHeaderBytes; size + 2 < encoded.size(); ++size) {
    const auto image = Decode(std::span(encoded).first(size));
    ASSERT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument) << size << " of " << encoded.size();
  }
}

TEST(WebpTest, LimitsAreJudgedOnTheHeader) {
  const Bytes encoded = EncodeLossless(Gradient(13, 21), 13, 21);
  EXPECT_TRUE(Decode(encoded, {.max_pixels = 273, .max_dimension = 21}).ok());
  EXPECT_FALSE(Decode(encoded, {.max_pixels = 272, .max_dimension = 21}).ok());
}

}  // namespace
}  // namespace accelerd
