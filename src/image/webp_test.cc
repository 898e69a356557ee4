#include <array>
#include <cstdint>
#include <string>
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

TEST(WebpTest, ExifWithThePrefixOfJpeg) {
  const Bytes simple = EncodeLossless({1, 2, 3, 4, 5, 6}, 1, 2);
  for (const bool big_endian : {false, true}) {
    Bytes exif = {'E', 'x', 'i', 'f', 0, 0};
    Append(&exif, ExifWithOrientation(2, big_endian));
    Bytes chunks(simple.begin() + kRiffHeaderBytes, simple.end());
    AppendChunk(&chunks, "EXIF", exif);
    const auto image = Decode(Extended(0x08, 1, 2, chunks));
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(ToBytes(image->pixels), (Bytes{4, 5, 6, 1, 2, 3}));
  }
}

/// A lossy picture with an alpha chunk of one plane, uncompressed.
Bytes LossyWithAlpha(int picture_side, int canvas_side) {
  const Bytes gray(static_cast<std::size_t>(picture_side) * picture_side * 3, 100);
  std::uint8_t* memory = nullptr;
  const std::size_t size = WebPEncodeBGR(gray.data(), picture_side, picture_side, picture_side * 3, 90, &memory);
  Bytes alpha(static_cast<std::size_t>(canvas_side) * canvas_side + 1, 0);  // One byte of header.
  Bytes chunks;
  AppendChunk(&chunks, "ALPH", alpha);
  chunks.insert(chunks.end(), memory + kRiffHeaderBytes, memory + size);
  WebPFree(memory);
  constexpr std::uint8_t kHasAlpha = 0x10;
  return Extended(kHasAlpha, canvas_side, canvas_side, chunks);
}

TEST(WebpTest, AlphaOfLossyIsLeftOut) {
  const auto image = Decode(LossyWithAlpha(16, 16));
  ASSERT_TRUE(image.ok()) << image.status();
  for (const std::uint8_t value : image->pixels) {
    EXPECT_NEAR(value, 100, 3);
  }
}

TEST(WebpTest, APictureThatDoesNotFillItsCanvasIsRefused) {
  EXPECT_FALSE(Decode(LossyWithAlpha(8, 16)).ok());
  EXPECT_FALSE(Decode(LossyWithAlpha(16, 8)).ok());
}

/// Writes numbers of a few bits, the lowest bit first.
class BitWriter {
 public:
  void Put(std::uint32_t value, int bits) {
    for (int i = 0; i < bits; ++i) {
      if (count_++ % 8 == 0) {
        bytes_.push_back(0);
      }
      bytes_.back() |= static_cast<std::uint8_t>((value >> i & 1) << ((count_ - 1) % 8));
    }
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::size_t count_ = 0;
};

/// A Huffman code of one symbol, 0, that takes no bits.
void PutTrivialCode(BitWriter* bits) {
  bits->Put(0b0001, 4);
}

/// A Huffman code of 256 symbols of 8 bits each, out of `alphabet`.
void PutByteCode(BitWriter* bits, int alphabet) {
  bits->Put(0, 1);
  constexpr std::array kOrder = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8};
  bits->Put(kOrder.size() - 4, 4);
  for (const int length : kOrder) {
    bits->Put(length == 0 || length == 8 ? 1 : 0, 3);
  }
  bits->Put(0, 1);
  for (int i = 0; i < alphabet; ++i) {
    bits->Put(i < 256 ? 1 : 0, 1);
  }
}

std::uint32_t Reversed8(std::uint32_t value) {
  std::uint32_t reversed = 0;
  for (int i = 0; i < 8; ++i) {
    reversed |= (value >> i & 1) << (7 - i);
  }
  return reversed;
}

/// A lossless file of `side` x `side` pixels with Huffman tables of its own for every 4 x 4 pixels.
Bytes ManyTables(std::uint32_t side) {
  BitWriter bits;
  bits.Put(0x2F, 8);
  bits.Put(side - 1, 14);
  bits.Put(side - 1, 14);
  bits.Put(0, 4);        // No alpha; version 0.
  bits.Put(0b00100, 5);  // No transform; no cache of colors; tables by area, of 4 x 4 pixels.
  bits.Put(0, 1);
  bits.Put(0, 1);  // The image of the tables' numbers: no cache.
  PutByteCode(&bits, 280);
  PutByteCode(&bits, 256);
  for (int i = 0; i < 3; ++i) {
    PutTrivialCode(&bits);
  }
  const std::uint32_t groups = side / 4 * (side / 4);
  for (std::uint32_t i = 0; i < groups; ++i) {
    bits.Put(Reversed8(i & 255), 8);
    bits.Put(Reversed8(i >> 8 & 255), 8);
  }
  for (std::uint32_t i = 0; i < groups * 5; ++i) {
    PutTrivialCode(&bits);
  }
  Bytes data = bits.bytes();
  data.insert(data.end(), 8, 0);
  Bytes file;
  Append(&file, std::string_view("RIFF"));
  AppendNumber(&file, data.size() + data.size() % 2 + 12, 4);
  Append(&file, std::string_view("WEBP"));
  AppendChunk(&file, "VP8L", data);
  return file;
}

TEST(WebpTest, TablesAreBounded) {
  EXPECT_TRUE(Decode(ManyTables(256)).ok()) << Decode(ManyTables(256)).status();
  const absl::Status refused = Decode(ManyTables(1024)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Message(refused)), testing::HasSubstr("tables need more than"));
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
