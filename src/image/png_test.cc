#include <cstdlib>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"
#include "spng.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

struct PngOptions {
  std::uint8_t bit_depth = 8;
  std::uint8_t color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  bool interlaced = false;
  std::function<void(spng_ctx*)> add_chunks = [](spng_ctx*) {};
};

/// `data` are the rows as PNG packs them, 16-bit samples in the machine's byte order.
Bytes EncodePng(const Bytes& data, std::uint32_t rows, std::uint32_t cols, const PngOptions& options = {}) {
  spng_ctx* context = spng_ctx_new(SPNG_CTX_ENCODER);
  spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = cols;
  header.height = rows;
  header.bit_depth = options.bit_depth;
  header.color_type = options.color_type;
  header.interlace_method = options.interlaced ? SPNG_INTERLACE_ADAM7 : SPNG_INTERLACE_NONE;
  EXPECT_EQ(spng_set_ihdr(context, &header), SPNG_OK);
  options.add_chunks(context);
  EXPECT_EQ(spng_encode_image(context, data.data(), data.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), SPNG_OK);
  std::size_t size = 0;
  int error = 0;
  auto* memory = static_cast<std::uint8_t*>(spng_get_png_buffer(context, &size, &error));
  Bytes encoded(memory, memory + size);
  std::free(memory);
  spng_ctx_free(context);
  return encoded;
}

Bytes DecodeOk(const Bytes& encoded) {
  const auto image = Decode(encoded);
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? ToBytes(image->pixels) : Bytes();
}

Bytes Gray(const Bytes& values) {
  Bytes pixels;
  for (const std::uint8_t value : values) {
    pixels.insert(pixels.end(), 3, value);
  }
  return pixels;
}

TEST(PngTest, ColorInterlacedOrNot) {
  const Bytes pixels = Gradient(19, 23);
  for (const bool interlaced : {false, true}) {
    EXPECT_EQ(DecodeOk(EncodePng(pixels, 19, 23, {.interlaced = interlaced})), SwapRedBlue(pixels));
  }
}

TEST(PngTest, GreyOfEveryDepth) {
  const auto grey = [](std::uint8_t depth) {
    return PngOptions{.bit_depth = depth, .color_type = SPNG_COLOR_TYPE_GRAYSCALE};
  };
  EXPECT_EQ(DecodeOk(EncodePng({0b10100000}, 1, 4, grey(1))), Gray({255, 0, 255, 0}));
  EXPECT_EQ(DecodeOk(EncodePng({0b00011011}, 1, 4, grey(2))), Gray({0, 85, 170, 255}));
  EXPECT_EQ(DecodeOk(EncodePng({0x0F, 0x70}, 1, 3, grey(4))), Gray({0, 255, 119}));
  EXPECT_EQ(DecodeOk(EncodePng({3, 200}, 2, 1, grey(8))), Gray({3, 200}));
}

TEST(PngTest, SixteenBitsAreCutNotRounded) {
  const std::vector<std::uint16_t> samples = {0x12FF, 0x80FF, 0xFF00};
  Bytes data(6);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(samples.data()), 6, data.data());
  EXPECT_EQ(DecodeOk(EncodePng(data, 1, 1, {.bit_depth = 16})), (Bytes{0xFF, 0x80, 0x12}));
}

TEST(PngTest, PaletteAndItsTransparencyAreDropped) {
  const PngOptions options = {.bit_depth = 4, .color_type = SPNG_COLOR_TYPE_INDEXED, .add_chunks = [](spng_ctx* png) {
                                spng_plte palette{};
                                palette.n_entries = 2;
                                palette.entries[0] = {1, 2, 3, 0};
                                palette.entries[1] = {4, 5, 6, 0};
                                spng_set_plte(png, &palette);
                                spng_trns transparency{};
                                transparency.n_type3_entries = 1;
                                transparency.type3_alpha[0] = 0;
                                spng_set_trns(png, &transparency);
                              }};
  EXPECT_EQ(DecodeOk(EncodePng({0x10}, 1, 2, options)), (Bytes{6, 5, 4, 3, 2, 1}));
}

TEST(PngTest, AlphaIsDroppedNotBlended) {
  EXPECT_EQ(DecodeOk(EncodePng({10, 20, 30, 0}, 1, 1, {.color_type = SPNG_COLOR_TYPE_TRUECOLOR_ALPHA})),
            (Bytes{30, 20, 10}));
  EXPECT_EQ(DecodeOk(EncodePng({9, 1}, 1, 1, {.color_type = SPNG_COLOR_TYPE_GRAYSCALE_ALPHA})), (Bytes{9, 9, 9}));
}

TEST(PngTest, GammaIsNotApplied) {
  const PngOptions options = {.add_chunks = [](spng_ctx* png) { spng_set_gama(png, 1.0); }};
  EXPECT_EQ(DecodeOk(EncodePng({10, 20, 30}, 1, 1, options)), (Bytes{30, 20, 10}));
}

TEST(PngTest, ExifOrientationIsApplied) {
  Bytes exif = ExifWithOrientation(3, true);
  const PngOptions options = {.add_chunks = [&exif](spng_ctx* png) {
    spng_exif chunk{exif.size(), reinterpret_cast<char*>(exif.data())};
    EXPECT_EQ(spng_set_exif(png, &chunk), SPNG_OK);
  }};
  EXPECT_EQ(DecodeOk(EncodePng({1, 2, 3, 4, 5, 6}, 1, 2, options)), (Bytes{6, 5, 4, 3, 2, 1}));
}

/// Inserts a chunk with a wrong checksum in front of the image data.
Bytes WithChunk(Bytes encoded, std::string_view name, const Bytes& data) {
  Bytes chunk = {0, 0, 0, static_cast<std::uint8_t>(data.size())};
  Append(&chunk, name);
  Append(&chunk, data);
  chunk.resize(chunk.size() + 4);
  constexpr std::size_t kAfterHeader = 33;
  encoded.insert(encoded.begin() + kAfterHeader, chunk.begin(), chunk.end());
  return encoded;
}

TEST(PngTest, ExifWithThePrefixOfJpeg) {
  Bytes exif = {'E', 'x', 'i', 'f', 0, 0};
  Append(&exif, ExifWithOrientation(3, false));
  EXPECT_EQ(DecodeOk(WithChunk(EncodePng({1, 2, 3, 4, 5, 6}, 1, 2), "eXIf", exif)), (Bytes{6, 5, 4, 3, 2, 1}));
}

TEST(PngTest, EveryTruncationIsRefused) {
  const Bytes encoded = EncodePng(Gradient(9, 9), 9, 9);
  for (std::size_t size = 8; size < encoded.size(); ++size) {
    const auto image = Decode(std::span(encoded).first(size));
    ASSERT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument) << size << " of " << encoded.size();
  }
}

TEST(PngTest, DamagedDataIsRefused) {
  Bytes encoded = EncodePng(Gradient(9, 9), 9, 9);
  encoded[encoded.size() - 20] ^= 1;  // Within the image data or its checksum.
  EXPECT_EQ(Decode(encoded).status().code(), absl::StatusCode::kInvalidArgument);
}

/// An IHDR chunk that claims this size, and nothing else. Its checksum is that of 100,000 x 100,000, 8 bit, color.
TEST(PngTest, HugeClaimCostsNothing) {
  Bytes encoded = EncodePng(Gradient(1, 1), 1, 1);
  const Bytes size = {0x00, 0x01, 0x86, 0xA0, 0x00, 0x01, 0x86, 0xA0};
  const Bytes checksum = {0x27, 0x30, 0x9C, 0x9F};
  std::copy(size.begin(), size.end(), encoded.begin() + 16);
  std::copy(checksum.begin(), checksum.end(), encoded.begin() + 29);
  EXPECT_THAT(std::string(Message(Decode(encoded).status())),
              HasSubstr("100000 x 100000 pixels; --max-image-dimension allows at most 65535"));
}

TEST(PngTest, MetadataCostsNothing) {
  std::string text(std::size_t{20} << 20, 'a');
  const PngOptions options = {.add_chunks = [&text](spng_ctx* png) {
    spng_text chunk{};
    std::snprintf(chunk.keyword, sizeof(chunk.keyword), "Comment");
    chunk.type = SPNG_ZTXT;
    chunk.text = text.data();
    chunk.length = text.size();
    EXPECT_EQ(spng_set_text(png, &chunk, 1), SPNG_OK);
  }};
  const Bytes encoded = EncodePng({1, 2, 3}, 1, 1, options);
  EXPECT_LT(encoded.size(), 100'000U);
  EXPECT_EQ(DecodeOk(encoded), (Bytes{3, 2, 1}));
}

TEST(PngTest, DamagedMetadataIsIgnored) {
  const Bytes encoded = EncodePng({1, 2, 3}, 1, 1);
  EXPECT_EQ(DecodeOk(WithChunk(encoded, "teSt", {1})), (Bytes{3, 2, 1}));
  EXPECT_EQ(Decode(WithChunk(encoded, "TeSt", {1})).status().code(), absl::StatusCode::kInvalidArgument)
      << "it is critical";
}

}  // namespace
}  // namespace accelerd
