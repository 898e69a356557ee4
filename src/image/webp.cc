// WebP by libwebp. Of its container (RIFF) this file reads what the library's decoder leaves out: EXIF, and the first
// frame of an animation.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/exif.h"
#include "image/webp_memory.h"
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
      throw std::bad_alloc();
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

/// The most memory that libwebp needs beside the pixels for any file that an encoder writes.
std::size_t WorkingBytes(const WebPBitstreamFeatures& features) {
  constexpr int kLossless = 2;
  constexpr std::size_t kLibraryBytes = 1 << 20;
  // Rows on their way.
  const std::size_t rows = static_cast<std::size_t>(features.width) * 256 + kLibraryBytes;
  if (features.format != kLossless) {
    return rows;
  }
  // Four bytes a pixel, and less than one for the images of the transforms. There may be a group of Huffman tables for
  // every 4 x 4 pixels; encoders write at most 2,600.
  constexpr std::size_t kGroupBytes = 12 << 10;
  constexpr std::size_t kMaxTableBytes = std::size_t{64} << 20;
  const std::size_t pixels = static_cast<std::size_t>(features.width) * static_cast<std::size_t>(features.height);
  const std::size_t groups = static_cast<std::size_t>(features.width / 4 + 1) * (features.height / 4 + 1);
  return rows + 5 * pixels + std::min(groups * kGroupBytes, kMaxTableBytes);
}

struct FreeDecoder {
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

/// Decodes a still picture into the pixels from `target` on, `capacity` bytes; rows of the target lie `stride` bytes
/// apart.
absl::Status DecodeInto(EncodedBytes encoded, const WebPBitstreamFeatures& features, const DecodeCall& call,
                        std::uint8_t* target, std::size_t capacity, std::size_t stride) {
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
  const WebpMemoryBound bound(WorkingBytes(features));
  const std::unique_ptr<WebPIDecoder, FreeDecoder> decoder(WebPIDecode(nullptr, 0, &config));
  if (decoder == nullptr) {
    throw std::bad_alloc();
  }
  // In a few steps, so that the decoder can be stopped. A step may read the file's header anew, so they are not many.
  constexpr std::size_t kMinStep = 1 << 18;
  const std::size_t step = std::max(kMinStep, encoded.size() / 8);
  VP8StatusCode code = VP8_STATUS_SUSPENDED;
  for (std::size_t size = 0; code == VP8_STATUS_SUSPENDED && size < encoded.size();) {
    ACCELERD_RETURN_IF_ERROR(call.CheckWanted());
    size = std::min(size + step, encoded.size());
    code = WebPIUpdate(decoder.get(), RawBytes(encoded), size);
  }
  if (bound.exceeded()) {
    return absl::InvalidArgumentError(fmt::format(
        "its tables need more than {} bytes, which no encoder writes; save it anew", WorkingBytes(features)));
  }
  return ToStatus(code);
}

/// Returns the picture of a still file without its alpha, which would be decoded in vain.
EncodedBytes WithoutAlpha(EncodedBytes encoded, const WebPBitstreamFeatures& features) {
  if (features.has_alpha == 0 || !FindChunk(encoded, "ALPH")) {
    return encoded;
  }
  const EncodedBytes picture = FindChunk(encoded, "VP8 ").value_or(encoded);
  const absl::StatusOr<WebPBitstreamFeatures> own = ReadFeatures(picture);
  // The library reports a picture that does not fill its canvas.
  return own.ok() && own->width == features.width && own->height == features.height ? picture : encoded;
}

/// The first frame on its black canvas.
absl::Status DecodeFirstFrame(EncodedBytes frame, const WebPBitstreamFeatures& features, const DecodeCall& call,
                              Image* canvas) {
  const std::size_t left = std::size_t{Read(frame, 0, 3)} * 2;
  const std::size_t top = std::size_t{Read(frame, 3, 3)} * 2;
  const auto rows = static_cast<std::size_t>(canvas->rows);
  const auto cols = static_cast<std::size_t>(canvas->cols);
  if (left + static_cast<std::size_t>(features.width) > cols ||
      top + static_cast<std::size_t>(features.height) > rows) {
    return absl::InvalidArgumentError("its first frame does not fit its canvas");
  }
  std::fill(canvas->pixels.begin(), canvas->pixels.end(), std::uint8_t{0});
  const std::size_t offset = (top * cols + left) * 3;
  return DecodeInto(frame.subspan(kFrameHeaderBytes), features, call, canvas->pixels.data() + offset,
                    canvas->pixels.size() - offset, cols * 3);
}

}  // namespace

bool IsWebp(EncodedBytes encoded) {
  return encoded.size() >= kRiffHeaderBytes && StartsWith(encoded, "RIFF") && StartsWith(encoded.subspan(8), "WEBP");
}

absl::StatusOr<Image> DecodeWebp(EncodedBytes encoded, DecodeCall& call) {
  ACCELERD_ASSIGN_OR_RETURN(const WebPBitstreamFeatures features, ReadFeatures(encoded));
  const std::optional<EncodedBytes> exif = FindChunk(encoded, "EXIF");
  const int orientation = exif ? ExifOrientation(*exif) : 1;
  const std::size_t turned_bytes =
      Transposes(orientation) ? static_cast<std::size_t>(features.width) * static_cast<std::size_t>(features.height) * 3
                              : 0;
  if (features.has_animation == 0) {
    ACCELERD_ASSIGN_OR_RETURN(
        Image image, call.NewImage(features.height, features.width, std::max(WorkingBytes(features), turned_bytes)));
    ACCELERD_RETURN_IF_ERROR(DecodeInto(WithoutAlpha(encoded, features), features, call, image.pixels.data(),
                                        image.pixels.size(), static_cast<std::size_t>(image.cols) * 3));
    return ApplyOrientation(std::move(image), orientation);
  }
  const std::optional<EncodedBytes> frame = FindChunk(encoded, "ANMF");
  if (!frame || frame->size() < kFrameHeaderBytes) {
    return absl::InvalidArgumentError("it is an animation without a frame");
  }
  ACCELERD_ASSIGN_OR_RETURN(const WebPBitstreamFeatures picture, ReadFeatures(frame->subspan(kFrameHeaderBytes)));
  ACCELERD_ASSIGN_OR_RETURN(
      Image canvas, call.NewImage(features.height, features.width, std::max(WorkingBytes(picture), turned_bytes)));
  ACCELERD_RETURN_IF_ERROR(DecodeFirstFrame(*frame, picture, call, &canvas));
  return ApplyOrientation(std::move(canvas), orientation);
}

}  // namespace accelerd
