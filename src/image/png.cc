// PNG by libspng.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/exif.h"
#include "image/opencv.h"
#include "spng.h"

namespace accelerd {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";

// Metadata beyond these sizes is an attack: a small compressed text may grow a thousandfold.
constexpr std::size_t kMaxChunkBytes = std::size_t{8} << 20;
constexpr std::size_t kMaxMetadataBytes = std::size_t{32} << 20;

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

absl::Status ToStatus(int error) {
  switch (error) {
    case SPNG_OK:
      return absl::OkStatus();
    case SPNG_EMEM:
    case SPNG_ECHUNK_LIMITS:
      return absl::InvalidArgumentError("its metadata is too large");
    case SPNG_IO_EOF:
    case SPNG_EOF:
      return absl::InvalidArgumentError("it is truncated");
    default:
      return absl::InvalidArgumentError(spng_strerror(error));
  }
}

/// The header, before anything is allocated for the image.
absl::StatusOr<spng_ihdr> ReadHeader(spng_ctx* context, EncodedBytes encoded) {
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_set_chunk_limits(context, kMaxChunkBytes, kMaxMetadataBytes)));
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_set_png_buffer(context, encoded.data(), encoded.size())));
  spng_ihdr header{};
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_get_ihdr(context, &header)));
  return header;
}

/// Whether the chunk that ends the file is there to its last byte, which libspng does not read.
bool HasEnd(EncodedBytes encoded) {
  constexpr std::size_t kAroundData = 12;  // Length, name, checksum.
  EncodedBytes rest = encoded.subspan(kSignature.size());
  while (rest.size() >= kAroundData) {
    if (std::memcmp(rest.data() + 4, "IEND", 4) == 0) {
      return true;
    }
    std::size_t chunk = kAroundData;
    for (std::size_t i = 0; i < 4; ++i) {
      chunk += std::to_integer<std::size_t>(rest[i]) << (24 - 8 * i);
    }
    rest = rest.subspan(std::min(chunk, rest.size()));
  }
  return false;
}

int Orientation(spng_ctx* context) {
  spng_exif exif{};
  if (spng_get_exif(context, &exif) != SPNG_OK) {
    return 1;
  }
  return ExifOrientation({reinterpret_cast<const std::byte*>(exif.data), exif.length});
}

}  // namespace

bool IsPng(EncodedBytes encoded) {
  return encoded.size() >= kSignature.size() && std::memcmp(encoded.data(), kSignature.data(), kSignature.size()) == 0;
}

absl::StatusOr<Image> DecodePng(EncodedBytes encoded, const DecodeLimits& limits) {
  const Context context(spng_ctx_new(0));
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  ACCELERD_ASSIGN_OR_RETURN(const spng_ihdr header, ReadHeader(context.get(), encoded));
  ACCELERD_ASSIGN_OR_RETURN(Image image, NewImage(header.height, header.width, limits));
  if (!HasEnd(encoded)) {
    return absl::InvalidArgumentError("it is truncated");
  }
  // Without flags neither transparency nor gamma is applied, as OpenCV leaves them out.
  constexpr int kNoFlags = 0;
  ACCELERD_RETURN_IF_ERROR(
      ToStatus(spng_decode_image(context.get(), image.pixels.data(), image.pixels.size(), SPNG_FMT_RGB8, kNoFlags)));
  // EXIF may follow the image.
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_decode_chunks(context.get())));
  UseCallingThreadAlone();
  cv::Mat pixels(image.rows, image.cols, CV_8UC3, image.pixels.data());
  cv::cvtColor(pixels, pixels, cv::COLOR_RGB2BGR);
  return ApplyOrientation(std::move(image), Orientation(context.get()));
}

}  // namespace accelerd
