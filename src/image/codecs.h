#ifndef ACCELERD_IMAGE_CODECS_H_
#define ACCELERD_IMAGE_CODECS_H_

/// \file
/// The codecs behind DecodeImage, one file each. Every Decode… function takes what its Is… function accepted, keeps
/// the contract of DecodeImage, and may throw std::bad_alloc.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "image/decode.h"
#include "image/image.h"

namespace accelerd {

using EncodedBytes = std::span<const std::byte>;

bool IsJpeg(EncodedBytes encoded);
absl::StatusOr<Image> DecodeJpeg(EncodedBytes encoded, const DecodeLimits& limits);

bool IsPng(EncodedBytes encoded);
absl::StatusOr<Image> DecodePng(EncodedBytes encoded, const DecodeLimits& limits);

bool IsWebp(EncodedBytes encoded);
absl::StatusOr<Image> DecodeWebp(EncodedBytes encoded, const DecodeLimits& limits);

bool IsBmp(EncodedBytes encoded);
absl::StatusOr<Image> DecodeBmp(EncodedBytes encoded, const DecodeLimits& limits);

/// An image of this size with uninitialised pixels; kInvalidArgument when a size is not positive or beyond `limits`.
absl::StatusOr<Image> NewImage(std::int64_t rows, std::int64_t cols, const DecodeLimits& limits);

/// The encoded bytes as C libraries want them.
inline const std::uint8_t* RawBytes(EncodedBytes encoded) {
  return reinterpret_cast<const std::uint8_t*>(encoded.data());
}

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_CODECS_H_
