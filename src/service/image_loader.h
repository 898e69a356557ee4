#ifndef ACCELERD_SERVICE_IMAGE_LOADER_H_
#define ACCELERD_SERVICE_IMAGE_LOADER_H_

#include <cstddef>

#include "base/confined_paths.h"
#include "image/decode.h"
#include "service/inference_service.h"

namespace accelerd {

/// Decodes images from memory, and from files beneath the allowed directories. Thread-safe; costs processor time: for
/// the CPU pool.
class ImageLoader {
 public:
  ImageLoader(ConfinedPaths paths, DecodeLimits limits, std::size_t max_file_bytes);

  /// Errors as ConfinedPaths::ReadFile and DecodeImage.
  absl::StatusOr<Image> Load(const ImageSource& source) const;

 private:
  const ConfinedPaths paths_;
  const DecodeLimits limits_;
  const std::size_t max_file_bytes_;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_IMAGE_LOADER_H_
