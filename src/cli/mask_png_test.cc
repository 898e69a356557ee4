#include "cli/mask_png.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spng.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

namespace accelerd {
namespace {

/// A PNG as it is stored.
struct Stored {
  spng_ihdr header{};
  spng_plte palette{};
  std::vector<std::uint8_t> pixels;
};

Stored Read(const std::string& png) {
  Stored stored;
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(0), spng_ctx_free);
  EXPECT_EQ(spng_set_png_buffer(context.get(), png.data(), png.size()), 0);
  EXPECT_EQ(spng_get_ihdr(context.get(), &stored.header), 0);
  spng_get_plte(context.get(), &stored.palette);
  std::size_t size = 0;
  EXPECT_EQ(spng_decoded_image_size(context.get(), SPNG_FMT_RAW, &size), 0);
  stored.pixels.resize(size);
  EXPECT_EQ(spng_decode_image(context.get(), stored.pixels.data(), size, SPNG_FMT_RAW, 0), 0);
  return stored;
}

TEST(EncodeMaskPng, ClassIsThePaletteIndex) {
  const std::vector<std::int32_t> classes = {0, 1, 2, 15, 254, 255};
  const auto png = EncodeMaskPng(classes, 2, 3);
  ASSERT_TRUE(png.ok()) << png.status();
  const Stored stored = Read(*png);
  EXPECT_EQ(stored.header.width, 3U);
  EXPECT_EQ(stored.header.height, 2U);
  EXPECT_EQ(stored.header.color_type, SPNG_COLOR_TYPE_INDEXED);
  EXPECT_THAT(stored.pixels, ::testing::ElementsAre(0, 1, 2, 15, 254, 255));
  const Color fifteen = MaskPalette()[15];
  EXPECT_EQ(stored.palette.entries[15].red, fifteen.red);
  EXPECT_EQ(stored.palette.entries[15].green, fifteen.green);
  EXPECT_EQ(stored.palette.entries[15].blue, fifteen.blue);
}

TEST(EncodeMaskPng, ManyClassesAreSixteenBitGrey) {
  const auto png = EncodeMaskPng(std::vector<std::int32_t>{256, 1, 65535}, 1, 3);
  ASSERT_TRUE(png.ok()) << png.status();
  const Stored stored = Read(*png);
  EXPECT_EQ(stored.header.bit_depth, 16);
  EXPECT_EQ(stored.header.color_type, SPNG_COLOR_TYPE_GRAYSCALE);
  EXPECT_THAT(stored.pixels, ::testing::ElementsAre(1, 0, 0, 1, 255, 255));
}

TEST(EncodeMaskPng, RejectsWhatDoesNotFit) {
  EXPECT_FALSE(EncodeMaskPng(std::vector<std::int32_t>{-1}, 1, 1).ok());
  EXPECT_FALSE(EncodeMaskPng(std::vector<std::int32_t>{65536}, 1, 1).ok());
  EXPECT_FALSE(EncodeMaskPng(std::vector<std::int32_t>{1, 2}, 1, 1).ok());
  EXPECT_FALSE(EncodeMaskPng({}, 0, 5).ok());
}

TEST(MaskPalette, ColoursAreVisibleAndDistinct) {
  const std::array<Color, 256> palette = MaskPalette();
  EXPECT_EQ(palette[0], (Color{0, 0, 0}));
  std::set<std::tuple<int, int, int>> colors;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    EXPECT_TRUE(colors.emplace(palette[i].red, palette[i].green, palette[i].blue).second) << i;
    if (i > 0) {
      EXPECT_GE(std::max({palette[i].red, palette[i].green, palette[i].blue}), 170) << i;
      const int distance = std::abs(palette[i].red - palette[i - 1].red) +
                           std::abs(palette[i].green - palette[i - 1].green) +
                           std::abs(palette[i].blue - palette[i - 1].blue);
      EXPECT_GE(distance, 100) << i;
    }
  }
}

}  // namespace
}  // namespace accelerd
