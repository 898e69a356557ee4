#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"

// clang-format off: jpeglib.h needs FILE and size_t before it.
#include <jpeglib.h>
// clang-format on

namespace accelerd {
namespace {

using ::testing::HasSubstr;

struct JpegOptions {
  J_COLOR_SPACE space = JCS_RGB;
  int channels = 3;
  int quality = 90;
  bool progressive = false;
  std::vector<jpeg_scan_info> scans = {};
  Bytes exif = {};
};

Bytes EncodeJpeg(const Bytes& pixels, int rows, int cols, const JpegOptions& options = {}) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = cols;
  info.image_height = rows;
  info.input_components = options.channels;
  info.in_color_space = options.space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, options.quality, TRUE);
  if (options.progressive) {
    jpeg_simple_progression(&info);
  }
  if (!options.scans.empty()) {
    info.scan_info = options.scans.data();
    info.num_scans = static_cast<int>(options.scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  if (!options.exif.empty()) {
    Bytes segment = {'E', 'x', 'i', 'f', 0, 0};
    segment.insert(segment.end(), options.exif.begin(), options.exif.end());
    jpeg_write_marker(&info, JPEG_APP0 + 1, segment.data(), segment.size());
  }
  for (int y = 0; y < rows; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(pixels.data() + static_cast<std::size_t>(y) * cols * options.channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes encoded(memory, memory + size);
  std::free(memory);
  return encoded;
}

/// What the library itself gives for a whole file, red first.
Bytes ReferenceRgb(const Bytes& encoded) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, encoded.data(), encoded.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  Bytes pixels(std::size_t{info.output_width} * info.output_height * 3);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels.data() + std::size_t{info.output_scanline} * info.output_width * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_destroy_decompress(&info);
  return pixels;
}

TEST(JpegTest, BaselineAndProgressiveColor) {
  for (const bool progressive : {false, true}) {
    const Bytes encoded = EncodeJpeg(Gradient(35, 50), 35, 50, {.progressive = progressive});
    const auto image = Decode(encoded);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->rows, 35);
    EXPECT_EQ(image->cols, 50);
    EXPECT_EQ(ToBytes(image->pixels), SwapRedBlue(ReferenceRgb(encoded)));
  }
}

TEST(JpegTest, ColorsComeBlueFirst) {
  Bytes red;
  for (int i = 0; i < 64; ++i) {
    red.insert(red.end(), {255, 0, 0});
  }
  const auto image = Decode(EncodeJpeg(red, 8, 8, {.quality = 100}));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_NEAR(image->pixels[0], 0, 2);
  EXPECT_NEAR(image->pixels[1], 0, 2);
  EXPECT_NEAR(image->pixels[2], 255, 2);
}

TEST(JpegTest, GreyIsExpanded) {
  const auto image = Decode(EncodeJpeg(Bytes(64, 77), 8, 8, {.space = JCS_GRAYSCALE, .channels = 1, .quality = 100}));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(ToBytes(image->pixels), Bytes(64 * 3, 77));
}

TEST(JpegTest, CmykIsMixedWithBlack) {
  Bytes cmyk;
  for (int i = 0; i < 64; ++i) {
    cmyk.insert(cmyk.end(), {255, 100, 0, 200});
  }
  const auto image = Decode(EncodeJpeg(cmyk, 8, 8, {.space = JCS_CMYK, .channels = 4, .quality = 100}));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_NEAR(image->pixels[2], 200, 2);              // No cyan: red is what black leaves.
  EXPECT_NEAR(image->pixels[1], 100 * 200 / 255, 2);  // Magenta takes green.
  EXPECT_NEAR(image->pixels[0], 0, 2);                // All yellow: no blue.
}

TEST(JpegTest, ExifOrientationIsApplied) {
  const int rows = 16;
  const int cols = 24;
  const Bytes pixels = Gradient(rows, cols);
  const auto stored = Decode(EncodeJpeg(pixels, rows, cols));
  ASSERT_TRUE(stored.ok()) << stored.status();
  for (const bool big_endian : {false, true}) {
    const auto image = Decode(EncodeJpeg(pixels, rows, cols, {.exif = ExifWithOrientation(6, big_endian)}));
    ASSERT_TRUE(image.ok()) << image.status();
    ASSERT_EQ(image->rows, cols);
    ASSERT_EQ(image->cols, rows);
    // Turned clockwise: the first row is the first column from below.
    for (int x = 0; x < rows; ++x) {
      const std::size_t from = static_cast<std::size_t>(rows - 1 - x) * cols * 3;
      EXPECT_EQ(image->pixels[x * 3], stored->pixels[from]);
      EXPECT_EQ(image->pixels[x * 3 + 1], stored->pixels[from + 1]);
    }
  }
}

/// The library itself on a damaged file, with an end marker where the file ends: as OpenCV's `imread` reads it.
TEST(JpegTest, OnlyTheEndMarkerMayBeMissing) {
  for (const bool progressive : {false, true}) {
    const Bytes encoded = EncodeJpeg(Gradient(33, 47), 33, 47, {.progressive = progressive});
    const Bytes pixels = SwapRedBlue(ReferenceRgb(encoded));
    for (std::size_t size = 3; size < encoded.size(); ++size) {
      const auto image = Decode(std::span(encoded).first(size));
      if (size + 2 < encoded.size()) {
        ASSERT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument) << size << " of " << encoded.size();
      } else {
        ASSERT_TRUE(image.ok()) << image.status();
        EXPECT_EQ(ToBytes(image->pixels), pixels);
        EXPECT_EQ(image->warning, "");
      }
    }
  }
}

TEST(JpegTest, MissingScansAreNoticed) {
  // One scan for each component. Without an end marker nothing else tells that the last one is missing.
  const std::vector<jpeg_scan_info> scans = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
  const Bytes encoded = EncodeJpeg(Gradient(16, 16), 16, 16, {.scans = scans});
  ASSERT_TRUE(Decode(encoded).ok());
  const Bytes start_of_scan = {0xFF, 0xDA};
  const auto last = std::find_end(encoded.begin(), encoded.end(), start_of_scan.begin(), start_of_scan.end());
  const Bytes two_scans(encoded.begin(), last);
  EXPECT_THAT(std::string(Message(Decode(two_scans).status())), HasSubstr("truncated"));
}

TEST(JpegTest, ADamagedPictureIsGivenOnDemand) {
  for (const bool progressive : {false, true}) {
    const Bytes encoded = EncodeJpeg(Gradient(64, 64), 64, 64, {.progressive = progressive});
    const std::span<const std::uint8_t> cut = std::span(encoded).first(encoded.size() * 3 / 4);
    EXPECT_THAT(std::string(Message(Decode(cut).status())), HasSubstr("--accept-damaged-images"));
    const auto image = DecodeDamaged(cut);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_THAT(image->warning, HasSubstr("JPEG image: it is truncated"));
    // The library puts an end marker where the file ends, and so does OpenCV's `imread`.
    EXPECT_EQ(ToBytes(image->pixels), SwapRedBlue(ReferenceRgb({cut.begin(), cut.end()})));
  }
  EXPECT_EQ(DecodeDamaged(EncodeJpeg(Gradient(8, 8), 8, 8))->warning, "");
  EXPECT_FALSE(DecodeDamaged(Bytes{0xFF, 0xD8, 0xFF, 0xE0}).ok()) << "there is no picture";
}

TEST(JpegTest, EmptySegmentsCostLittle) {
  Bytes encoded = {0xFF, 0xD8};
  constexpr int kSegments = 2'000'000;  // At a quadratic cost this took hours.
  for (int i = 0; i < kSegments; ++i) {
    encoded.insert(encoded.end(), {0xFF, 0xE1, 0, 2});
  }
  const Bytes whole = EncodeJpeg(Gradient(8, 16), 8, 16, {.exif = ExifWithOrientation(6, true)});
  encoded.insert(encoded.end(), whole.begin() + 2, whole.end());
  const auto image = Decode(encoded);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->rows, 16) << "EXIF behind them is found";
}

TEST(JpegTest, LostPixelsAreRefused) {
  Bytes encoded = EncodeJpeg(Gradient(64, 64), 64, 64);
  // The image data ends in the middle: an end marker where data should be.
  encoded[encoded.size() / 2 + 200] = 0xFF;
  encoded[encoded.size() / 2 + 201] = 0xD9;
  const auto image = Decode(encoded);
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JpegTest, BytesBehindTheEndAreIgnored) {
  Bytes encoded = EncodeJpeg(Gradient(8, 8), 8, 8);
  Append(&encoded, std::string_view("trailing bytes"));
  EXPECT_TRUE(Decode(encoded).ok());
}

TEST(JpegTest, LimitsAreJudgedOnTheHeader) {
  Bytes encoded = EncodeJpeg(Gradient(40, 60), 40, 60);
  EXPECT_TRUE(Decode(encoded, {.max_pixels = 2400, .max_dimension = 60}).ok());
  EXPECT_THAT(std::string(Message(Decode(encoded, {.max_pixels = 2399, .max_dimension = 60}).status())),
              HasSubstr("60 x 40 pixels; --max-image-pixels allows at most 2399"));
  EXPECT_THAT(std::string(Message(Decode(encoded, {.max_pixels = 2400, .max_dimension = 59}).status())),
              HasSubstr("--max-image-dimension allows at most 59"));
}

/// One scan for the DC coefficients, then one for each of `count` AC coefficients.
std::vector<jpeg_scan_info> ManyScans(int count) {
  std::vector<jpeg_scan_info> scans = {{3, {0, 1, 2}, 0, 0, 0, 0}};
  for (int i = 0; i < count; ++i) {
    scans.push_back({1, {i / 63}, i % 63 + 1, i % 63 + 1, 0, 0});
  }
  return scans;
}

TEST(JpegTest, TooManyScansAreRefused) {
  const Bytes pixels = Gradient(64, 64);
  const Bytes some = EncodeJpeg(pixels, 64, 64, {.scans = ManyScans(99)});
  EXPECT_TRUE(Decode(some).ok());
  const auto many = Decode(EncodeJpeg(pixels, 64, 64, {.scans = ManyScans(189)}));
  EXPECT_THAT(std::string(Message(many.status())), HasSubstr("too many scans"));
}

/// Appends a marker segment.
void AppendSegment(Bytes* file, std::uint8_t marker, const Bytes& content) {
  const std::size_t length = content.size() + 2;
  file->insert(file->end(), {0xFF, marker, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
  Append(file, content);
}

/// A grey progressive file of `side` x `side` pixels, arithmetic-coded, with `scans` of all AC coefficients. Zeros
/// stand for data that are not there, so it is tiny.
Bytes ManyArithmeticScans(int side, int scans) {
  constexpr std::uint8_t kArithmeticProgressive = 0xCA;
  const auto high = static_cast<std::uint8_t>(side >> 8);
  const auto low = static_cast<std::uint8_t>(side);
  Bytes file = {0xFF, 0xD8};
  Bytes quantisation(65, 1);
  quantisation[0] = 0;
  AppendSegment(&file, 0xDB, quantisation);
  AppendSegment(&file, kArithmeticProgressive, {8, high, low, high, low, 1, 1, 0x11, 0});
  AppendSegment(&file, 0xDA, {1, 1, 0, 0, 0, 0});
  file.insert(file.end(), 8, 0);
  for (int i = 0; i < scans; ++i) {
    AppendSegment(&file, 0xDA, {1, 1, 0, 1, 63, 0});
    file.insert(file.end(), 8, 0);
  }
  file.insert(file.end(), {0xFF, 0xD9});
  return file;
}

TEST(JpegTest, ScansTimesBlocksAreBounded) {
  EXPECT_TRUE(Decode(ManyArithmeticScans(64, 99)).ok()) << "the image is small";
  EXPECT_TRUE(Decode(ManyArithmeticScans(4096, 5)).ok());
  EXPECT_THAT(std::string(Message(Decode(ManyArithmeticScans(4096, 40)).status())),
              HasSubstr("save it as a baseline JPEG"));
  EXPECT_FALSE(DecodeDamaged(ManyArithmeticScans(4096, 40)).ok());
}

TEST(JpegTest, IsStoppedWithinItsScans) {
  const Bytes encoded = ManyArithmeticScans(4096, 12);
  const DecodeOptions options = {.stop = {.deadline = Clock::Steady().Now() + std::chrono::milliseconds(1)}};
  EXPECT_EQ(DecodeImage(std::as_bytes(std::span(encoded)), options).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace accelerd
