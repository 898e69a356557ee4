#include "cli/mask_png.h"

#include <spng.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr double kGoldenRatio = 0.6180339887498949;
constexpr std::int64_t kMaxSide = 1 << 24;

/// Hue, saturation and value, each 0..1, as red, green and blue.
Color FromHsv(double hue, double saturation, double value) {
  const auto channel = [&](double offset) {
    const double position = std::fmod(offset + hue * 6, 6);
    const double weight = std::clamp(std::min(position, 4 - position), 0.0, 1.0);
    return static_cast<std::uint8_t>(std::lround(255 * value * (1 - saturation * weight)));
  };
  return {channel(5), channel(3), channel(1)};
}

struct SpngFree {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
struct Free {
  void operator()(void* memory) const { std::free(memory); }  // NOLINT: spng hands out malloc's memory.
};

spng_plte PaletteChunk() {
  spng_plte chunk{};
  chunk.n_entries = 256;
  const std::array<Color, 256> palette = MaskPalette();
  for (std::size_t i = 0; i < palette.size(); ++i) {
    chunk.entries[i] = {palette[i].red, palette[i].green, palette[i].blue, 0};
  }
  return chunk;
}

absl::StatusOr<std::string> Encode(spng_ihdr header, std::span<const std::uint8_t> pixels) {
  const std::unique_ptr<spng_ctx, SpngFree> context(spng_ctx_new(SPNG_CTX_ENCODER));
  if (context == nullptr) {
    return absl::ResourceExhaustedError("no memory for the PNG encoder");
  }
  int error = spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  error = error != 0 ? error : spng_set_ihdr(context.get(), &header);
  if (header.color_type == SPNG_COLOR_TYPE_INDEXED) {
    spng_plte palette = PaletteChunk();
    error = error != 0 ? error : spng_set_plte(context.get(), &palette);
  }
  error = error != 0
              ? error
              : spng_encode_image(context.get(), pixels.data(), pixels.size(), SPNG_FMT_RAW, SPNG_ENCODE_FINALIZE);
  std::size_t size = 0;
  const std::unique_ptr<void, Free> png(error != 0 ? nullptr : spng_get_png_buffer(context.get(), &size, &error));
  if (png == nullptr) {
    return absl::InternalError(fmt::format("the PNG encoder failed: {}", spng_strerror(error)));
  }
  return std::string(static_cast<const char*>(png.get()), size);
}

}  // namespace

std::array<Color, 256> MaskPalette() {
  constexpr std::array<double, 3> kSaturations = {0.9, 0.6, 0.75};
  constexpr std::array<double, 4> kValues = {1.0, 0.8, 0.9, 0.7};
  std::array<Color, 256> palette{};
  for (std::size_t i = 1; i < palette.size(); ++i) {
    const double hue = std::fmod(static_cast<double>(i) * kGoldenRatio, 1);
    palette[i] = FromHsv(hue, kSaturations[i % kSaturations.size()], kValues[i % kValues.size()]);
  }
  return palette;
}

absl::StatusOr<std::string> EncodeMaskPng(std::span<const std::int32_t> classes, std::int64_t rows,
                                          std::int64_t columns) {
  if (rows < 1 || columns < 1 || rows > kMaxSide || columns > kMaxSide ||
      static_cast<std::uint64_t>(rows * columns) != classes.size()) {
    return absl::InvalidArgumentError(
        fmt::format("a mask of {} rows and {} columns cannot be written as PNG", rows, columns));
  }
  const auto [least, most] = std::minmax_element(classes.begin(), classes.end());
  if (*least < 0 || *most > 65'535) {
    return absl::InvalidArgumentError(
        fmt::format("classes from {} to {} do not fit into a PNG, which holds 0 to 65535", *least, *most));
  }
  const bool palette = *most < 256;
  std::vector<std::uint8_t> pixels;
  pixels.reserve(classes.size() * (palette ? 1 : 2));
  for (const std::int32_t index : classes) {
    if (!palette) {
      pixels.push_back(static_cast<std::uint8_t>(index >> 8));
    }
    pixels.push_back(static_cast<std::uint8_t>(index & 0xff));
  }
  spng_ihdr header{};
  header.width = static_cast<std::uint32_t>(columns);
  header.height = static_cast<std::uint32_t>(rows);
  header.bit_depth = palette ? 8 : 16;
  header.color_type = palette ? SPNG_COLOR_TYPE_INDEXED : SPNG_COLOR_TYPE_GRAYSCALE;
  return Encode(header, pixels);
}

}  // namespace accelerd
