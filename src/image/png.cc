// PNG by libspng. The library sees the chunks that carry the picture; this file reads the others itself, so that
// metadata costs neither memory nor more time than its length.

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
#include "image/opencv.h"
#include "spng.h"

namespace accelerd {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";
constexpr std::size_t kAroundData = 12;  // Length, name, checksum.

/// Rows between two checks whether the image is still wanted.
constexpr std::uint32_t kRowsAtOnce = 16;

/// The next chunk of `rest`, with its length, name and checksum; cut off where the file ends. Empty: there is none.
EncodedBytes NextChunk(EncodedBytes rest) {
  if (rest.size() < kAroundData) {
    return {};
  }
  std::size_t size = kAroundData;
  for (std::size_t i = 0; i < 4; ++i) {
    size += std::to_integer<std::size_t>(rest[i]) << (24 - 8 * i);
  }
  return rest.first(std::min(size, rest.size()));
}

bool IsNamed(EncodedBytes chunk, std::string_view name) {
  return std::memcmp(chunk.data() + 4, name.data(), name.size()) == 0;
}

/// Bit 5 of the name's first letter tells whether a decoder may ignore the chunk.
bool IsCritical(EncodedBytes chunk) {
  return (std::to_integer<unsigned>(chunk[4]) & 0x20U) == 0;
}

struct Metadata {
  bool complete = false;  ///< The chunk that ends the file is there to its last byte.
  std::optional<EncodedBytes> exif;
};

Metadata ReadMetadata(EncodedBytes encoded) {
  Metadata metadata;
  EncodedBytes rest = encoded.subspan(kSignature.size());
  for (EncodedBytes chunk = NextChunk(rest); !chunk.empty(); chunk = NextChunk(rest)) {
    if (IsNamed(chunk, "eXIf") && !metadata.exif) {
      metadata.exif = chunk.subspan(8, chunk.size() - kAroundData);
    }
    if (IsNamed(chunk, "IEND")) {
      metadata.complete = true;
      break;
    }
    rest = rest.subspan(chunk.size());
  }
  return metadata;
}

/// Gives libspng the signature and the critical chunks, one after another.
class CriticalChunks {
 public:
  explicit CriticalChunks(EncodedBytes encoded)
      : current_(encoded.first(kSignature.size())), rest_(encoded.subspan(kSignature.size())) {}

  static int Read(spng_ctx* /*context*/, void* self, void* target, std::size_t size) {
    return static_cast<CriticalChunks*>(self)->Read(static_cast<std::byte*>(target), size);
  }

 private:
  int Read(std::byte* target, std::size_t size) {
    while (size > 0) {
      while (current_.empty()) {
        const EncodedBytes chunk = NextChunk(rest_);
        if (chunk.empty()) {
          return SPNG_IO_EOF;
        }
        rest_ = rest_.subspan(chunk.size());
        if (IsCritical(chunk)) {
          current_ = chunk;
        }
      }
      const std::size_t count = std::min(size, current_.size());
      std::copy_n(current_.begin(), count, target);
      current_ = current_.subspan(count);
      target += count;
      size -= count;
    }
    return SPNG_OK;
  }

  EncodedBytes current_;
  EncodedBytes rest_;
};

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

absl::Status ToStatus(int error) {
  switch (error) {
    case SPNG_OK:
      return absl::OkStatus();
    case SPNG_EMEM:
      throw std::bad_alloc();
    case SPNG_IO_EOF:
    case SPNG_EOF:
      return absl::InvalidArgumentError("it is truncated");
    default:
      return absl::InvalidArgumentError(spng_strerror(error));
  }
}

/// Decodes row by row. The passes of an interlaced image come one after another.
absl::Status ReadRows(spng_ctx* context, const DecodeCall& call, Image* image) {
  const std::size_t stride = static_cast<std::size_t>(image->cols) * 3;
  // Without other flags neither transparency nor gamma is applied, as OpenCV leaves them out.
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_decode_image(context, nullptr, 0, SPNG_FMT_RGB8, SPNG_DECODE_PROGRESSIVE)));
  for (std::uint32_t count = 0;; ++count) {
    if (count % kRowsAtOnce == 0) {
      ACCELERD_RETURN_IF_ERROR(call.CheckWanted());
    }
    spng_row_info row{};
    const int found = spng_get_row_info(context, &row);
    if (found == SPNG_EOI) {
      return absl::OkStatus();
    }
    ACCELERD_RETURN_IF_ERROR(ToStatus(found));
    const int decoded = spng_decode_row(context, image->pixels.data() + row.row_num * stride, stride);
    if (decoded == SPNG_EOI) {
      return absl::OkStatus();
    }
    ACCELERD_RETURN_IF_ERROR(ToStatus(decoded));
  }
}

}  // namespace

bool IsPng(EncodedBytes encoded) {
  return encoded.size() >= kSignature.size() && std::memcmp(encoded.data(), kSignature.data(), kSignature.size()) == 0;
}

absl::StatusOr<Image> DecodePng(EncodedBytes encoded, DecodeCall& call) {
  CriticalChunks chunks(encoded);
  const Context context(spng_ctx_new(0));
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_set_png_stream(context.get(), CriticalChunks::Read, &chunks)));
  spng_ihdr header{};
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_get_ihdr(context.get(), &header)));
  ACCELERD_RETURN_IF_ERROR(call.CheckSize(header.height, header.width));
  const Metadata metadata = ReadMetadata(encoded);
  const int orientation = metadata.exif ? ExifOrientation(*metadata.exif) : 1;
  // A few rows of at most 8 bytes a pixel, and zlib's state.
  constexpr std::size_t kLibraryBytes = 1 << 18;
  const std::size_t row_bytes = std::size_t{header.width} * 4 * 8 + kLibraryBytes;
  const std::size_t turned_bytes = Transposes(orientation) ? std::size_t{header.width} * header.height * 3 : 0;
  ACCELERD_ASSIGN_OR_RETURN(Image image, call.NewImage(header.height, header.width, row_bytes + turned_bytes));
  if (!metadata.complete) {
    return absl::InvalidArgumentError("it is truncated");
  }
  ACCELERD_RETURN_IF_ERROR(ReadRows(context.get(), call, &image));
  // Damage to what follows the last row, such as the checksum, counts too.
  ACCELERD_RETURN_IF_ERROR(ToStatus(spng_decode_chunks(context.get())));
  UseCallingThreadAlone();
  const cv::Mat pixels(image.rows, image.cols, CV_8UC3, image.pixels.data());
  for (int i = 0; i < pixels.rows; ++i) {  // OpenCV copies what it converts in place: one row at a time.
    cv::Mat row = pixels.row(i);
    cv::cvtColor(row, row, cv::COLOR_RGB2BGR);
  }
  return ApplyOrientation(std::move(image), orientation);
}

}  // namespace accelerd
