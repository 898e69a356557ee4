#ifndef ACCELERD_SERVICE_IMAGE_LOADER_H_
#define ACCELERD_SERVICE_IMAGE_LOADER_H_

#include <cstddef>
#include <memory>

#include "base/confined_paths.h"
#include "image/decode.h"
#include "service/inference_service.h"

namespace accelerd {

/// Decodes images from memory, and from files beneath the allowed directories. Thread-safe. It costs processor time, so
/// it is for the CPU pool.
class ImageLoader {
 public:
  struct Options {
    DecodeLimits limits = {};
    bool accept_damaged = false;
    std::size_t max_file_bytes = 32 << 20;                ///< Size of an image that is named by path.
    std::size_t max_decode_bytes = std::size_t{1} << 30;  ///< Memory of all decoders together.
  };

  ImageLoader(ConfinedPaths paths, const Options& options);

  /// Decodes one image. `stop` says when nobody waits for it any more. Errors as ConfinedPaths::ReadFile and
  /// DecodeImage.
  absl::StatusOr<Image> Load(const ImageSource& source, DecodeStop stop = {}) const;

 private:
  const ConfinedPaths paths_;
  const Options options_;
  const std::shared_ptr<DecodeMemory> memory_;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_IMAGE_LOADER_H_
