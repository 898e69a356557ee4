#ifndef ACCELERD_IMAGE_CODECS_H_
#define ACCELERD_IMAGE_CODECS_H_

/// \file
/// The codecs behind DecodeImage, one file each. Every Decode… function takes what its Is… function accepted, keeps
/// the contract of DecodeImage, and may throw std::bad_alloc.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "image/decode.h"
#include "image/image.h"

namespace accelerd {

using EncodedBytes = std::span<const std::byte>;

/// What every codec needs for one image: the rules of the caller, and its notes on damage.
class DecodeCall {
 public:
  explicit DecodeCall(const DecodeOptions& options) : options_(options) {}

  /// Returns an image of this size with uninitialised pixels. `working_bytes` is the largest amount of other memory
  /// that the codec will hold beside the pixels; both are reserved. Errors: kInvalidArgument (a size is not positive),
  /// kOutOfRange, kCancelled, kDeadlineExceeded.
  absl::StatusOr<Image> NewImage(std::int64_t rows, std::int64_t cols, std::size_t working_bytes);

  /// Checks the size alone, as NewImage does, for a codec that must know it before it can tell its memory.
  absl::Status CheckSize(std::int64_t rows, std::int64_t cols) const;

  /// Returns an error if nobody waits for the image any more.
  absl::Status CheckWanted() const { return options_.stop.Check(); }

  bool accepts_damaged() const { return options_.accept_damaged; }

  /// Reports damage for which there is a picture nevertheless. Returns kInvalidArgument if damaged images are refused.
  /// Otherwise notes the first damage for Image::warning.
  absl::Status Damaged(std::string_view what);

  const std::string& damage() const { return damage_; }

 private:
  const DecodeOptions& options_;
  std::string damage_;
};

bool IsJpeg(EncodedBytes encoded);
absl::StatusOr<Image> DecodeJpeg(EncodedBytes encoded, DecodeCall& call);

bool IsPng(EncodedBytes encoded);
absl::StatusOr<Image> DecodePng(EncodedBytes encoded, DecodeCall& call);

bool IsWebp(EncodedBytes encoded);
absl::StatusOr<Image> DecodeWebp(EncodedBytes encoded, DecodeCall& call);

bool IsBmp(EncodedBytes encoded);
absl::StatusOr<Image> DecodeBmp(EncodedBytes encoded, DecodeCall& call);

bool IsTiff(EncodedBytes encoded);
absl::StatusOr<Image> DecodeTiff(EncodedBytes encoded, DecodeCall& call);

bool IsPnm(EncodedBytes encoded);
absl::StatusOr<Image> DecodePnm(EncodedBytes encoded, DecodeCall& call);

/// The encoded bytes as C libraries want them.
inline const std::uint8_t* RawBytes(EncodedBytes encoded) {
  return reinterpret_cast<const std::uint8_t*>(encoded.data());
}

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_CODECS_H_
