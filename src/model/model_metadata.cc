#include "model/model_metadata.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::array<std::pair<std::string_view, Origin>, 9> kOrigins = {{{"card", Origin::kCard},
                                                                          {"model_info", Origin::kModelInfo},
                                                                          {"metadata.yaml", Origin::kMetadataYaml},
                                                                          {"tflite metadata", Origin::kTfliteMetadata},
                                                                          {"onnx metadata", Origin::kOnnxMetadata},
                                                                          {"labels.txt", Origin::kLabelsFile},
                                                                          {"graph", Origin::kGraph},
                                                                          {"shape", Origin::kShape},
                                                                          {"default", Origin::kDefault}}};

constexpr std::size_t kMaxChannels = 4;
constexpr int kMaxImageSide = 16384;

template <typename T>
void AddField(std::optional<T> other, std::optional<T>& target) {
  if (!target) {
    target = std::move(other);
  }
}

absl::Status ValidateNumbers(std::string_view name, const std::optional<Stated<std::vector<float>>>& numbers,
                             bool zero_allowed) {
  if (!numbers) {
    return absl::OkStatus();
  }
  const std::vector<float>& values = numbers->value;
  const bool good =
      std::ranges::all_of(values, [&](float value) { return std::isfinite(value) && (zero_allowed || value != 0.0F); });
  if (values.empty() || values.size() > kMaxChannels || !good) {
    return absl::InvalidArgumentError(fmt::format("{}: {} is not 1 to {} finite numbers{}", OriginName(numbers->from),
                                                  name, kMaxChannels, zero_allowed ? "" : " other than 0"));
  }
  return absl::OkStatus();
}

absl::Status ValidateFraction(std::string_view name, const std::optional<Stated<float>>& number) {
  if (number && !(number->value >= 0.0F && number->value <= 1.0F)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} is {}, and not from 0 to 1", OriginName(number->from), name, number->value));
  }
  return absl::OkStatus();
}

absl::Status ValidateTexts(const ModelMetadata& metadata) {
  if (metadata.labels) {
    std::size_t bytes = 0;
    for (const std::string& label : metadata.labels->value) {
      bytes += label.size();
    }
    const std::size_t count = metadata.labels->value.size();
    if (count == 0 || count > kMaxMetadataLabels || bytes > kMaxMetadataBytes) {
      return absl::InvalidArgumentError(fmt::format("{}: {} labels of {} bytes; up to {} of {} bytes are read",
                                                    OriginName(metadata.labels->from), count, bytes, kMaxMetadataLabels,
                                                    kMaxMetadataBytes));
    }
  }
  std::size_t bytes = metadata.task ? metadata.task->value.size() : 0;
  for (const auto& [name, text] : metadata.properties) {
    bytes += name.size() + text.value.size();
  }
  return bytes <= kMaxMetadataBytes
             ? absl::OkStatus()
             : absl::InvalidArgumentError(fmt::format("{} bytes of metadata; {} are read", bytes, kMaxMetadataBytes));
}

bool IsFloatingPoint(ElementType type) {
  return type == ElementType::kF16 || type == ElementType::kBf16 || type == ElementType::kF32 ||
         type == ElementType::kF64;
}

/// The only input of four dimensions, as an image has; null when there is none or several.
const TensorSpec* ImageInput(const std::vector<TensorSpec>& inputs) {
  const auto has_four = [](const TensorSpec& spec) { return spec.shape.size() == 4; };
  return std::ranges::count_if(inputs, has_four) == 1 ? &*std::ranges::find_if(inputs, has_four) : nullptr;
}

/// Whether the input leaves its width or height open, besides its batch.
bool HasOpenSize(const TensorSpec& input) {
  return std::count_if(input.shape.begin() + 1, input.shape.end(), [](std::int64_t size) { return size < 0; }) >= 2;
}

}  // namespace

std::string_view OriginName(Origin origin) {
  return std::ranges::find(kOrigins, origin, &std::pair<std::string_view, Origin>::second)->first;
}

absl::StatusOr<Origin> ParseOrigin(std::string_view name) {
  const auto* found = std::ranges::find(kOrigins, name, &std::pair<std::string_view, Origin>::first);
  return found != kOrigins.end() ? absl::StatusOr<Origin>(found->second)
                                 : absl::InvalidArgumentError(fmt::format("there is no origin \"{}\"", name));
}

bool ModelMetadata::empty() const {
  return *this == ModelMetadata();
}

absl::Status ValidateMetadata(const ModelMetadata& metadata) {
  ACCELERD_RETURN_IF_ERROR(ValidateNumbers("the mean", metadata.mean, /*zero_allowed=*/true));
  ACCELERD_RETURN_IF_ERROR(ValidateNumbers("the scale", metadata.scale, /*zero_allowed=*/false));
  ACCELERD_RETURN_IF_ERROR(ValidateFraction("the threshold of scores", metadata.score_threshold));
  ACCELERD_RETURN_IF_ERROR(ValidateFraction("the threshold of overlap", metadata.iou_threshold));
  if (metadata.input_size) {
    const auto& [width, height] = metadata.input_size->value;
    if (std::min(width, height) < 1 || std::max(width, height) > kMaxImageSide) {
      return absl::InvalidArgumentError(fmt::format("{}: an input of {} x {} pixels; sizes go from 1 to {}",
                                                    OriginName(metadata.input_size->from), width, height,
                                                    kMaxImageSide));
    }
  }
  return ValidateTexts(metadata);
}

void AddMetadata(ModelMetadata other, ModelMetadata& target) {
  AddField(std::move(other.task), target.task);
  AddField(other.color_order, target.color_order);
  AddField(std::move(other.mean), target.mean);
  AddField(std::move(other.scale), target.scale);
  AddField(std::move(other.labels), target.labels);
  AddField(other.input_size, target.input_size);
  AddField(other.score_threshold, target.score_threshold);
  AddField(other.iou_threshold, target.iou_threshold);
  target.properties.merge(std::move(other.properties));
}

ModelCard WithMetadata(ModelCard card, const ModelMetadata& metadata, const std::vector<TensorSpec>& inputs) {
  if (card.labels.empty() && metadata.labels) {
    card.labels = metadata.labels->value;
  }
  if (!card.color_order && metadata.color_order) {
    card.color_order = metadata.color_order->value;
  }
  const TensorSpec* image = ImageInput(inputs);
  if (image != nullptr && IsFloatingPoint(image->element_type)) {
    if (card.mean.empty() && metadata.mean) {
      card.mean = metadata.mean->value;
    }
    if (card.scale.empty() && metadata.scale) {
      card.scale = metadata.scale->value;
    }
  }
  if (!card.input_size && metadata.input_size && image != nullptr && HasOpenSize(*image)) {
    card.input_size = metadata.input_size->value;
  }
  return card;
}

}  // namespace accelerd
