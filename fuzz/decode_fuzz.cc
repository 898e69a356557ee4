#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "image/decode.h"
#include "image/sniff.h"

/// Decodes an image of any format, as the service does it by default and as with --accept-damaged-images. A picture is
/// as large as it claims to be, and one without a warning does not depend on the option.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using accelerd::DecodeImage;
  using accelerd::Image;
  const auto encoded = std::as_bytes(std::span(data, size));
  accelerd::DecodeOptions options = {.limits = {.max_pixels = 1 << 18, .max_dimension = 4096},
                                     .memory = std::make_shared<accelerd::DecodeMemory>(std::size_t{64} << 20)};
  accelerd::DescribeBytes(encoded);
  const absl::StatusOr<Image> strict = DecodeImage(encoded, options);
  options.accept_damaged = true;
  const absl::StatusOr<Image> lenient = DecodeImage(encoded, options);
  for (const absl::StatusOr<Image>* image : {&strict, &lenient}) {
    if (image->ok() && (*image)->pixels.size() != static_cast<std::size_t>((*image)->rows) * (*image)->cols * 3) {
      std::abort();
    }
  }
  if (strict.ok() && (!lenient.ok() || !strict->warning.empty() || lenient->pixels != strict->pixels)) {
    std::abort();
  }
  return 0;
}
