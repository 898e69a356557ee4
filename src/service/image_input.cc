#include "service/image_input.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/core.h"

namespace accelerd {
namespace {

bool IsChannelCount(std::int64_t size) {
  return size == 1 || size == 3;
}

std::string Describe(const TensorSpec& spec) {
  return fmt::format("input \"{}\" has shape {} of {}", spec.name, ShapeToString(spec.shape),
                     ElementName(spec.element_type));
}

/// "NCHW" or "NHWC".
absl::StatusOr<std::string_view> ResolveLayout(const TensorSpec& spec, const ModelCard& card) {
  for (const std::string_view layout : {"NCHW", "NHWC"}) {
    if (card.layout == layout || (card.layout.empty() && spec.layout == layout)) {
      return layout;
    }
  }
  if (!card.layout.empty()) {
    return absl::InvalidArgumentError(fmt::format("layout \"{}\" is neither NCHW nor NHWC", card.layout));
  }
  if (IsChannelCount(spec.shape[1])) {
    return "NCHW";
  }
  if (IsChannelCount(spec.shape[3])) {
    return "NHWC";
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: no dimension holds 1 or 3 colour channels, so it takes no image", Describe(spec)));
}

/// Spreads one value over all channels. An empty list leaves `target`.
absl::Status SetPerChannel(std::string_view key, const std::vector<float>& values, int channels,
                           std::array<float, 3>& target) {
  if (values.empty()) {
    return absl::OkStatus();
  }
  if (values.size() != 1 && values.size() != static_cast<std::size_t>(channels)) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} values for an input of {} channels", key, values.size(), channels));
  }
  for (int channel = 0; channel < channels; ++channel) {
    target.at(static_cast<std::size_t>(channel)) = values[values.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
  }
  return absl::OkStatus();
}

/// The size of dimension `index`, or `otherwise` where the model leaves it open.
absl::StatusOr<int> ResolveSize(const TensorSpec& spec, std::size_t index, std::int64_t otherwise) {
  const std::int64_t size = spec.shape[index] < 0 ? otherwise : spec.shape[index];
  if (size <= 0 || size > std::numeric_limits<int>::max()) {
    return absl::FailedPreconditionError(
        fmt::format("{}: set input_size = [width, height] in the model's TOML file to send images", Describe(spec)));
  }
  return static_cast<int>(size);
}

}  // namespace

absl::StatusOr<ImageFormat> ResolveImageFormat(const Signature& signature, const ModelCard& card, ModelFormat format) {
  if (signature.inputs.size() != 1) {
    return absl::FailedPreconditionError(
        fmt::format("the model has {} inputs: images are for models with one", signature.inputs.size()));
  }
  const TensorSpec& spec = signature.inputs.front();
  if (spec.shape.size() != 4 || (spec.element_type != ElementType::kF32 && spec.element_type != ElementType::kU8)) {
    return absl::FailedPreconditionError(
        fmt::format("{}: images are for inputs of 4 dimensions of f32 or u8", Describe(spec)));
  }
  ACCELERD_ASSIGN_OR_RETURN(const std::string_view layout, ResolveLayout(spec, card));

  ImageFormat image;
  image.planar = layout == "NCHW";
  image.element_type = spec.element_type;
  image.rgb = card.color_order.value_or(format == ModelFormat::kOpenvinoIr ? ColorOrder::kBgr : ColorOrder::kRgb) ==
              ColorOrder::kRgb;
  const std::array<int, 2> open_size = card.input_size.value_or(std::array<int, 2>{-1, -1});
  ACCELERD_ASSIGN_OR_RETURN(image.batch, ResolveSize(spec, 0, 1));
  ACCELERD_ASSIGN_OR_RETURN(image.channels, ResolveSize(spec, layout.find('C'), 3));
  ACCELERD_ASSIGN_OR_RETURN(image.width, ResolveSize(spec, layout.find('W'), open_size[0]));
  ACCELERD_ASSIGN_OR_RETURN(image.height, ResolveSize(spec, layout.find('H'), open_size[1]));
  if (!IsChannelCount(image.channels)) {
    return absl::FailedPreconditionError(fmt::format("{}: images have 1 or 3 channels", Describe(spec)));
  }
  if (card.input_size && (image.width != open_size[0] || image.height != open_size[1])) {
    return absl::InvalidArgumentError(
        fmt::format("{}, but input_size is [{}, {}]", Describe(spec), open_size[0], open_size[1]));
  }
  ACCELERD_RETURN_IF_ERROR(SetPerChannel("mean", card.mean, image.channels, image.mean));
  ACCELERD_RETURN_IF_ERROR(SetPerChannel("scale", card.scale, image.channels, image.scale));
  ACCELERD_RETURN_IF_ERROR(ValidateImageFormat(image));
  return image;
}

}  // namespace accelerd
