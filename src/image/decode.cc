#include "image/decode.h"

#include <array>
#include <new>
#include <string_view>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/sniff.h"

namespace accelerd {
namespace {

struct Codec {
  std::string_view name;
  bool (*accepts)(EncodedBytes encoded);
  absl::StatusOr<Image> (*decode)(EncodedBytes encoded, const DecodeLimits& limits);
};

constexpr std::array<Codec, 4> kCodecs = {
    {{"JPEG", IsJpeg, DecodeJpeg}, {"PNG", IsPng, DecodePng}, {"WebP", IsWebp, DecodeWebp}, {"BMP", IsBmp, DecodeBmp}}};

}  // namespace

absl::StatusOr<Image> NewImage(std::int64_t rows, std::int64_t cols, const DecodeLimits& limits) {
  if (rows < 1 || cols < 1) {
    return absl::InvalidArgumentError(fmt::format("its header claims {} x {} pixels", cols, rows));
  }
  if (rows > limits.max_dimension || cols > limits.max_dimension) {
    return absl::InvalidArgumentError(
        fmt::format("it has {} x {} pixels; at most {} are allowed either way", cols, rows, limits.max_dimension));
  }
  if (rows * cols > limits.max_pixels) {
    return absl::InvalidArgumentError(
        fmt::format("it has {} x {} pixels; at most {} are allowed in all", cols, rows, limits.max_pixels));
  }
  Image image;
  image.rows = static_cast<int>(rows);
  image.cols = static_cast<int>(cols);
  image.pixels.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * 3);
  return image;
}

absl::StatusOr<Image> DecodeImage(EncodedBytes encoded, const DecodeLimits& limits) {
  if (encoded.empty()) {
    return absl::InvalidArgumentError("the image is empty");
  }
  for (const Codec& codec : kCodecs) {
    if (!codec.accepts(encoded)) {
      continue;
    }
    try {
      absl::StatusOr<Image> image = codec.decode(encoded, limits);
      return image.ok() ? std::move(image) : Annotate(image.status(), fmt::format("{} image", codec.name));
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(fmt::format("{} image: no memory to decode it", codec.name));
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("this is {}. The service reads JPEG, PNG, WebP and BMP", DescribeBytes(encoded)));
}

}  // namespace accelerd
