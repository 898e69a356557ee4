#include "service/image_loader.h"

#include <utility>

#include "fmt/core.h"

namespace accelerd {

ImageLoader::ImageLoader(ConfinedPaths paths, const Options& options)
    : paths_(std::move(paths)), options_(options), memory_(std::make_shared<DecodeMemory>(options.max_decode_bytes)) {}

absl::StatusOr<Image> ImageLoader::Load(const ImageSource& source, DecodeStop stop) const {
  const DecodeOptions decode = {
      .limits = options_.limits, .accept_damaged = options_.accept_damaged, .stop = std::move(stop), .memory = memory_};
  if (const auto* memory = std::get_if<ImageBytes>(&source)) {
    return DecodeImage(memory->bytes, decode);
  }
  const std::string& path = std::get<ImagePath>(source).path;
  ACCELERD_ASSIGN_OR_RETURN(const FileBytes file, paths_.ReadFile(path, options_.max_file_bytes));
  absl::StatusOr<Image> image = DecodeImage(file.bytes(), decode);
  if (!image.ok()) {
    return Annotate(image.status(), fmt::format("path \"{}\"", path));
  }
  return image;
}

}  // namespace accelerd
