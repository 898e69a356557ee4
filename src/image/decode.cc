#include "image/decode.h"

#include <array>
#include <new>
#include <stdexcept>
#include <string_view>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/opencv.h"
#include "image/sniff.h"

namespace accelerd {
namespace {

struct Codec {
  std::string_view name;
  bool (*accepts)(EncodedBytes encoded);
  absl::StatusOr<Image> (*decode)(EncodedBytes encoded, DecodeCall& call);
};

constexpr std::array<Codec, 6> kCodecs = {{{"JPEG", IsJpeg, DecodeJpeg},
                                           {"PNG", IsPng, DecodePng},
                                           {"WebP", IsWebp, DecodeWebp},
                                           {"BMP", IsBmp, DecodeBmp},
                                           {"TIFF", IsTiff, DecodeTiff},
                                           {"PNM", IsPnm, DecodePnm}}};

absl::StatusOr<Image> DecodeBy(const Codec& codec, EncodedBytes encoded, const DecodeOptions& options) {
  DecodeCall call(options);
  ACCELERD_RETURN_IF_ERROR(call.CheckWanted());
  ACCELERD_ASSIGN_OR_RETURN(Image image, codec.decode(encoded, call));
  if (!call.damage().empty()) {
    image.warning = fmt::format("{} image: {}; parts of the picture are missing or wrong", codec.name, call.damage());
  }
  return image;
}

}  // namespace

absl::Status DecodeCall::CheckSize(std::int64_t rows, std::int64_t cols) const {
  const DecodeLimits& limits = options_.limits;
  if (rows < 1 || cols < 1) {
    return absl::InvalidArgumentError(fmt::format("its header claims {} x {} pixels", cols, rows));
  }
  if (rows > limits.max_dimension || cols > limits.max_dimension) {
    return absl::OutOfRangeError(
        fmt::format("it has {} x {} pixels; --max-image-dimension allows at most {} either way: send a smaller image, "
                    "or raise the option",
                    cols, rows, limits.max_dimension));
  }
  if (rows * cols > limits.max_pixels) {
    return absl::OutOfRangeError(
        fmt::format("it has {} x {} pixels; --max-image-pixels allows at most {} in all: send a smaller image, or "
                    "raise the option",
                    cols, rows, limits.max_pixels));
  }
  return absl::OkStatus();
}

absl::StatusOr<Image> DecodeCall::NewImage(std::int64_t rows, std::int64_t cols, std::size_t working_bytes) {
  ACCELERD_RETURN_IF_ERROR(CheckSize(rows, cols));
  Image image;
  image.rows = static_cast<int>(rows);
  image.cols = static_cast<int>(cols);
  const std::size_t pixel_bytes = static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * 3;
  if (options_.memory != nullptr) {
    const std::size_t bytes = pixel_bytes + working_bytes;
    if (bytes > options_.memory->limit()) {
      return absl::OutOfRangeError(
          fmt::format("it has {} x {} pixels and needs {} bytes of memory to decode; --max-decode-bytes allows at most "
                      "{}: send a smaller image or another encoding, or raise the option",
                      cols, rows, bytes, options_.memory->limit()));
    }
    ACCELERD_ASSIGN_OR_RETURN(image.memory, options_.memory->Reserve(bytes, options_.stop));
  }
  image.pixels.resize(pixel_bytes);
  return image;
}

absl::Status DecodeCall::Damaged(std::string_view what) {
  if (!accepts_damaged()) {
    return absl::InvalidArgumentError(
        fmt::format("{}. The service answers such images only with --accept-damaged-images", what));
  }
  if (damage_.empty()) {
    damage_ = what;
  }
  return absl::OkStatus();
}

absl::StatusOr<Image> DecodeImage(EncodedBytes encoded, const DecodeOptions& options) {
  if (encoded.empty()) {
    return absl::InvalidArgumentError("the image is empty");
  }
  for (const Codec& codec : kCodecs) {
    if (!codec.accepts(encoded)) {
      continue;
    }
    const auto no_memory = [&] {
      return absl::ResourceExhaustedError(
          fmt::format("{} image: the machine has no memory to decode it now; try again later", codec.name));
    };
    try {
      absl::StatusOr<Image> image = CallOpenCv([&] { return DecodeBy(codec, encoded, options); });
      return image.ok() ? std::move(image) : Annotate(image.status(), fmt::format("{} image", codec.name));
    } catch (const std::bad_alloc&) {
      return no_memory();
    } catch (const std::exception& error) {
      return absl::InternalError(fmt::format("{} image: {}", codec.name, error.what()));
    }
  }
  return absl::InvalidArgumentError(fmt::format(
      "this is {}. The service reads JPEG, PNG, WebP, BMP, TIFF, PBM, PGM and PPM", DescribeBytes(encoded)));
}

}  // namespace accelerd
