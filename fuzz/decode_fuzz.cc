// Throws bytes at the image decoders: whatever they are, an image of the claimed size or an error comes back.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "image/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr accelerd::DecodeLimits kLimits = {.max_pixels = 1 << 18, .max_dimension = 4096};
  const absl::StatusOr<accelerd::Image> image = accelerd::DecodeImage(std::as_bytes(std::span(data, size)), kLimits);
  if (image.ok() && image->pixels.size() != static_cast<std::size_t>(image->rows) * image->cols * 3) {
    std::abort();
  }
  return 0;
}
