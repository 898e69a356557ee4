// WebP by libwebp. Of its container (RIFF) this file reads what the library's decoder leaves out: EXIF, and the first
// frame of an animation.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/exif.h"
#include "webp/decode.h"

namespace accelerd {
namespace {

constexpr std::size_t kChunkHeaderBytes = 8;
constexpr std::size_t kRiffHeaderBytes = 12;
constexpr std::size_t kFrameHeaderBytes = 16;

bool StartsWith(EncodedBytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// A little-endian number of `size` bytes. REQUIRES: they are there.
std::uint32_t Read(EncodedBytes bytes, std::size_t offset, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[offset + i]);
  }
  return value;
}

/// What the first chunk of this name holds, cut off where the file ends.
std::optional<EncodedBytes> FindChunk(EncodedBytes encoded, std::string_view name) {
  EncodedBytes rest = encoded.subspan(kRiffHeaderBytes);
  while (rest.size() >= kChunkHeaderBytes) {
    const std::size_t size = Read(rest, 4, 4);
    const EncodedBytes data = rest.subspan(kChunkHeaderBytes);
    if (StartsWith(rest, name)) {
      return data.first(std::min(size, data.size()));
    }
    const std::size_t padded = size + size % 2;
    rest = data.subspan(std::min(padded, data.size()));
  }
  return std::nullopt;
}

absl::Status ToStatus(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_OK:
      return absl::OkStatus();
    case VP8_STATUS_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError("no memory to decode it");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return absl::InvalidArgumentError("it is truncated");
    default:
      return absl::InvalidArgumentError("it is damaged");
  }
}

absl::StatusOr<WebPBitstreamFeatures> ReadFeatures(EncodedBytes encoded) {
  WebPBitstreamFeatures features;
  ACCELERD_RETURN_IF_ERROR(ToStatus(WebPGetFeatures(RawBytes(encoded), encoded.size(), &features)));
  return features;
}

/// Decodes a still picture of `cols` columns into the pixels from `target` on, `capacity` bytes; rows of the target lie
/// `stride` bytes apart.
absl::Status DecodeInto(EncodedBytes encoded, const WebPBitstreamFeatures& features, std::uint8_t* target,
                        std::size_t capacity, std::size_t stride) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    return absl::InternalError("libwebp has another version than its headers");
  }
  config.input = features;
  config.output.colorspace = MODE_BGR;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = target;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = capacity;
  return ToStatus(WebPDecode(RawBytes(encoded), encoded.size(), &config));
}

/// The first frame on its black canvas.
absl::Status DecodeFirstFrame(EncodedBytes encoded, Image* canvas) {
  const std::optional<EncodedBytes> frame = FindChunk(encoded, "ANMF");
  if (!frame || frame->size() < kFrameHeaderBytes) {
    return absl::InvalidArgumentError("it is an animation without a frame");
  }
  const std::size_t left = std::size_t{Read(*frame, 0, 3)} * 2;
  const std::size_t top = std::size_t{Read(*frame, 3, 3)} * 2;
  const EncodedBytes picture = frame->subspan(kFrameHeaderBytes);
  ACCELERD_ASSIGN_OR_RETURN(const WebPBitstreamFeatures features, ReadFeatures(picture));
  const auto rows = static_cast<std::size_t>(canvas->rows);
  const auto cols = static_cast<std::size_t>(canvas->cols);
  if (left + static_cast<std::size_t>(features.width) > cols ||
      top + static_cast<std::size_t>(features.height) > rows) {
    return absl::InvalidArgumentError("its first frame does not fit its canvas");
  }
  std::fill(canvas->pixels.begin(), canvas->pixels.end(), std::uint8_t{0});
  const std::size_t offset = (top * cols + left) * 3;
  return DecodeInto(picture, features, canvas->pixels.data() + offset, canvas->pixels.size() - offset, cols * 3);
}

}  // namespace

bool IsWebp(EncodedBytes encoded) {
  return encoded.size() >= kRiffHeaderBytes && StartsWith(encoded, "RIFF") && StartsWith(encoded.subspan(8), "WEBP");
}

absl::StatusOr<Image> DecodeWebp(EncodedBytes encoded, const DecodeLimits& limits) {
  ACCELERD_ASSIGN_OR_RETURN(const WebPBitstreamFeatures features, ReadFeatures(encoded));
  ACCELERD_ASSIGN_OR_RETURN(Image image, NewImage(features.height, features.width, limits));
  if (features.has_animation != 0) {
    ACCELERD_RETURN_IF_ERROR(DecodeFirstFrame(encoded, &image));
  } else {
    ACCELERD_RETURN_IF_ERROR(DecodeInto(encoded, features, image.pixels.data(), image.pixels.size(),
                                        static_cast<std::size_t>(image.cols) * 3));
  }
  const std::optional<EncodedBytes> exif = FindChunk(encoded, "EXIF");
  return ApplyOrientation(std::move(image), exif ? ExifOrientation(*exif) : 1);
}

}  // namespace accelerd
