#include "service/image_input.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::string_view kLayoutHint =
    "set layout in the TOML beside the model: \"NCHW\", \"NHWC\", \"CHW\", \"HWC\", \"NHW\" or \"HW\"";

bool IsChannelCount(std::int64_t size) {
  return size == 1 || size == 3;
}

std::string Describe(const TensorSpec& spec) {
  return fmt::format("input \"{}\" has shape {} of {}", spec.name, ShapeToString(spec.shape),
                     ElementName(spec.element_type));
}

absl::Status CannotTell(const TensorSpec& spec) {
  return absl::FailedPreconditionError(
      fmt::format("{}: it cannot be told which dimensions are the rows, columns and channels of an image; {}",
                  Describe(spec), kLayoutHint));
}

/// The layout of four dimensions; [1,3,W,3] may be either.
absl::StatusOr<std::string_view> InferLayoutOfFour(const TensorSpec& spec) {
  const bool second = IsChannelCount(spec.shape[1]);
  const bool last = IsChannelCount(spec.shape[3]);
  if (second && last) {
    return CannotTell(spec);
  }
  if (second || last) {
    return second ? "NCHW" : "NHWC";
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: no dimension holds 1 or 3 colour channels, so it takes no image", Describe(spec)));
}

/// The layout of three dimensions: a grey image with a batch, or a colour image without one. Rows of three numbers,
/// such as [1,1024,3] and [?,1024,3], are likelier points than pixels.
absl::StatusOr<std::string_view> InferLayoutOfThree(const TensorSpec& spec) {
  const std::int64_t first = spec.shape[0];
  if (IsChannelCount(spec.shape[2])) {
    const bool rows = first > 3 || (first == -1 && spec.shape[1] == -1);
    return rows ? absl::StatusOr<std::string_view>("HWC") : CannotTell(spec);
  }
  if (first == 3) {
    return "CHW";
  }
  return first == 1 || first == -1 ? absl::StatusOr<std::string_view>("NHW") : CannotTell(spec);
}

/// One letter a dimension.
absl::StatusOr<std::string_view> ResolveLayout(const TensorSpec& spec, const ModelCard& card) {
  for (const std::string_view layout : kImageLayouts) {
    if (layout.size() == spec.shape.size() &&
        (card.layout == layout || (card.layout.empty() && spec.layout == layout))) {
      return layout;
    }
  }
  if (!card.layout.empty()) {
    return absl::InvalidArgumentError(fmt::format("layout \"{}\" does not fit: {}", card.layout, Describe(spec)));
  }
  switch (spec.shape.size()) {
    case 4:
      return InferLayoutOfFour(spec);
    case 3:
      return InferLayoutOfThree(spec);
    case 2:
      return CannotTell(spec);
    default:
      return absl::FailedPreconditionError(
          fmt::format("{}: images are for inputs of 2 to 4 dimensions", Describe(spec)));
  }
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

/// The size of the dimension `letter`: `absent` where the layout does not have it, `open` where the model leaves it
/// open.
absl::StatusOr<int> ResolveSize(const TensorSpec& spec, std::string_view layout, char letter, int absent,
                                std::int64_t open) {
  const std::size_t index = layout.find(letter);
  if (index == std::string_view::npos) {
    return absent;
  }
  const std::int64_t size = spec.shape[index] < 0 ? open : spec.shape[index];
  if (size <= 0 || size > std::numeric_limits<int>::max()) {
    return absl::FailedPreconditionError(
        fmt::format("{}: set input_size = [width, height] in the model's TOML file to send images", Describe(spec)));
  }
  return static_cast<int>(size);
}

absl::Status ResolveSizes(const TensorSpec& spec, const ModelCard& card, std::string_view layout, ImageFormat& image) {
  image.has_batch = layout.find('N') != std::string_view::npos;
  image.has_channels = layout.find('C') != std::string_view::npos;
  image.planar = layout.find('C') < layout.find('H');
  const std::array<int, 2> open_size = card.input_size.value_or(std::array<int, 2>{-1, -1});
  ACCELERD_ASSIGN_OR_RETURN(image.batch, ResolveSize(spec, layout, 'N', 1, 1));
  ACCELERD_ASSIGN_OR_RETURN(image.channels, ResolveSize(spec, layout, 'C', 1, 3));
  ACCELERD_ASSIGN_OR_RETURN(image.width, ResolveSize(spec, layout, 'W', 0, open_size[0]));
  ACCELERD_ASSIGN_OR_RETURN(image.height, ResolveSize(spec, layout, 'H', 0, open_size[1]));
  if (!IsChannelCount(image.channels)) {
    return absl::FailedPreconditionError(fmt::format("{}: images have 1 or 3 channels", Describe(spec)));
  }
  if (card.input_size && (image.width != open_size[0] || image.height != open_size[1])) {
    return absl::InvalidArgumentError(
        fmt::format("{}, but input_size is [{}, {}]", Describe(spec), open_size[0], open_size[1]));
  }
  return absl::OkStatus();
}

bool IsInteger(ElementType type) {
  return type == ElementType::kU8 || type == ElementType::kI8 || type == ElementType::kI32 || type == ElementType::kI64;
}

/// Normalised values are quantised as the graph says. Without a mean or scale the whole range of bytes becomes the
/// whole range of i8: that is what the quantisation of a model says that was trained on whole pictures.
absl::Status ResolveQuantization(const TensorSpec& spec, const InputFacts& facts, const ModelCard& card,
                                 ImageFormat& image) {
  if (!IsInteger(spec.element_type)) {
    return absl::OkStatus();
  }
  if (card.mean.empty() && card.scale.empty()) {
    if (spec.element_type == ElementType::kI8) {
      image.quantization = Quantization{.scale = 1, .zero_point = -128};
    }
    return absl::OkStatus();
  }
  if (!facts.quantized) {
    return absl::InvalidArgumentError(fmt::format(
        "mean and scale need an input of floating-point numbers, or one whose quantisation the model states: {}",
        Describe(spec)));
  }
  image.quantization = Quantization{.scale = facts.scale, .zero_point = facts.zero_point};
  return absl::OkStatus();
}

absl::StatusOr<ImageFormat> ResolveFormat(const TensorSpec& spec, const InputFacts& facts, const ModelCard& card,
                                          ModelFormat format) {
  if (!IsImageElement(spec.element_type)) {
    return absl::FailedPreconditionError(
        fmt::format("{}: images are for inputs of f32, f16, bf16, f64, u8, i8, i32 or i64", Describe(spec)));
  }
  ACCELERD_ASSIGN_OR_RETURN(const std::string_view layout, ResolveLayout(spec, card));
  ImageFormat image;
  image.element_type = spec.element_type;
  image.rgb = card.color_order.value_or(format == ModelFormat::kOpenvinoIr ? ColorOrder::kBgr : ColorOrder::kRgb) ==
              ColorOrder::kRgb;
  ACCELERD_RETURN_IF_ERROR(ResolveSizes(spec, card, layout, image));
  ACCELERD_RETURN_IF_ERROR(SetPerChannel("mean", card.mean, image.channels, image.mean));
  ACCELERD_RETURN_IF_ERROR(SetPerChannel("scale", card.scale, image.channels, image.scale));
  ACCELERD_RETURN_IF_ERROR(ResolveQuantization(spec, facts, card, image));
  ACCELERD_RETURN_IF_ERROR(ValidateImageFormat(image));
  return image;
}

std::string InputList(const Signature& signature) {
  std::string list;
  for (const TensorSpec& spec : signature.inputs) {
    list += fmt::format("{}\"{}\" {} of {}", list.empty() ? "" : ", ", spec.name, ShapeToString(spec.shape),
                        ElementName(spec.element_type));
  }
  return list;
}

}  // namespace

absl::StatusOr<ImageInputs> ResolveImageInputs(const ModelInfo& info, const ModelCard& card, ModelFormat format) {
  const Signature& signature = info.signature;
  ImageInputs inputs;
  std::size_t images = 0;
  for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
    if (std::optional<SizeInput> size = RecognizeSizeInput(signature.inputs[i], i)) {
      inputs.sizes.push_back(*std::move(size));
    } else {
      inputs.image = i;
      ++images;
    }
  }
  if (images != 1) {
    return absl::FailedPreconditionError(
        fmt::format("the model has {} inputs: {}. Images are for models with one input, or with one besides those that "
                    "describe the image (image_info, im_shape, scale_factor, orig_target_sizes)",
                    signature.inputs.size(), InputList(signature)));
  }
  const InputFacts facts = inputs.image < info.inputs.size() ? info.inputs[inputs.image] : InputFacts();
  ACCELERD_ASSIGN_OR_RETURN(inputs.format, ResolveFormat(signature.inputs[inputs.image], facts, card, format));
  for (const SizeInput& size : inputs.sizes) {
    if (size.shape.size() == 2 && size.shape[0] != 1 && size.shape[0] != inputs.format.batch) {
      return absl::FailedPreconditionError(fmt::format("{}, which does not fit a batch of {} images",
                                                       Describe(signature.inputs[size.index]), inputs.format.batch));
    }
  }
  return inputs;
}

}  // namespace accelerd
