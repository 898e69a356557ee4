#include "service/image_loader.h"

#include <utility>

#include "fmt/core.h"

namespace accelerd {

ImageLoader::ImageLoader(ConfinedPaths paths, DecodeLimits limits, std::size_t max_file_bytes)
    : paths_(std::move(paths)), limits_(limits), max_file_bytes_(max_file_bytes) {}

absl::StatusOr<Image> ImageLoader::Load(const ImageSource& source) const {
  if (const auto* memory = std::get_if<ImageBytes>(&source)) {
    return DecodeImage(memory->bytes, limits_);
  }
  const std::string& path = std::get<ImagePath>(source).path;
  ACCELERD_ASSIGN_OR_RETURN(const FileBytes file, paths_.ReadFile(path, max_file_bytes_));
  absl::StatusOr<Image> image = DecodeImage(file.bytes(), limits_);
  if (!image.ok()) {
    return Annotate(image.status(), fmt::format("path \"{}\"", path));
  }
  return image;
}

}  // namespace accelerd
