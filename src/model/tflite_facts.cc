#include "model/tflite_facts.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "flatbuffers/flatbuffers.h"
#include "fmt/core.h"
#include "model/labels.h"
#include "model/zip_member.h"
#include "tflite_generated.h"

namespace accelerd {
namespace {

constexpr Origin kFrom = Origin::kTfliteMetadata;
constexpr std::size_t kMaxMetadataBuffer = std::size_t{4} << 20U;
constexpr std::size_t kMaxLabelBytes = std::size_t{1} << 20U;

template <typename T>
const T* Verified(std::string_view bytes) {
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    return nullptr;
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size());
  return verifier.VerifyBuffer<T>(nullptr) ? flatbuffers::GetRoot<T>(data) : nullptr;
}

/// The elements of a vector that may be left out.
template <typename T>
std::vector<const T*> Elements(const flatbuffers::Vector<flatbuffers::Offset<T>>* vector) {
  return vector == nullptr ? std::vector<const T*>() : std::vector<const T*>(vector->begin(), vector->end());
}

std::vector<std::string> CustomOperations(const tflite::Model& model) {
  std::vector<std::string> names;
  for (const tflite::OperatorCode* code : Elements(model.operator_codes())) {
    if (code->custom_code() == nullptr || code->custom_code()->size() == 0) {
      continue;
    }
    std::string name = code->custom_code()->str();
    if (std::ranges::find(names, name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

/// A copy of the metadata's FlatBuffer, which aligns it. Empty when there is none.
std::string MetadataBuffer(std::string_view file, const tflite::Model& model) {
  for (const tflite::Metadata* entry : Elements(model.metadata())) {
    if (entry->name() == nullptr || entry->name()->str() != "TFLITE_METADATA" || model.buffers() == nullptr ||
        entry->buffer() >= model.buffers()->size()) {
      continue;
    }
    const tflite::Buffer* buffer = model.buffers()->Get(entry->buffer());
    if (buffer->data() != nullptr && buffer->data()->size() <= kMaxMetadataBuffer) {
      return {reinterpret_cast<const char*>(buffer->data()->data()), buffer->data()->size()};
    }
    const bool outside = buffer->offset() > 1 && buffer->size() <= kMaxMetadataBuffer;
    if (outside && buffer->offset() <= file.size() && buffer->size() <= file.size() - buffer->offset()) {
      return std::string(file.substr(buffer->offset(), buffer->size()));
    }
  }
  return {};
}

std::vector<float> Floats(const flatbuffers::Vector<float>* vector) {
  return vector == nullptr ? std::vector<float>() : std::vector<float>(vector->begin(), vector->end());
}

void ReadInput(const tflite::TensorMetadata& tensor, ReadMetadata& read) {
  for (const tflite::ProcessUnit* unit : Elements(tensor.process_units())) {
    const tflite::NormalizationOptions* options = unit->options_as_NormalizationOptions();
    if (options != nullptr && !read.metadata.mean && !read.metadata.scale) {
      if (std::vector<float> mean = Floats(options->mean()); !mean.empty()) {
        read.Keep(&ModelMetadata::mean, std::move(mean), kFrom);
      }
      if (std::vector<float> scale = Floats(options->std()); !scale.empty()) {
        read.Keep(&ModelMetadata::scale, std::move(scale), kFrom);
      }
    }
  }
  const tflite::ImageProperties* image =
      tensor.content() == nullptr ? nullptr : tensor.content()->content_properties_as_ImageProperties();
  if (image == nullptr) {
    return;
  }
  if (image->color_space() == tflite::ColorSpaceType::RGB && !read.metadata.color_order) {
    read.Keep(&ModelMetadata::color_order, ColorOrder::kRgb, kFrom);
  }
  if (const tflite::ImageSize* size = image->default_size(); size != nullptr && !read.metadata.input_size) {
    constexpr std::uint32_t kMost = 1U << 20U;  // More is out of bounds, and fits an int.
    const std::array<int, 2> pixels = {static_cast<int>(std::min(size->width(), kMost)),
                                       static_cast<int>(std::min(size->height(), kMost))};
    read.Keep(&ModelMetadata::input_size, pixels, kFrom);
  }
}

/// The labels file of an output: the one without a language or in English, else the first.
std::string LabelsFileOf(const tflite::TensorMetadata& tensor) {
  std::string first;
  for (const tflite::AssociatedFile* file : Elements(tensor.associated_files())) {
    const bool labels = file->type() == tflite::AssociatedFileType::TENSOR_AXIS_LABELS ||
                        file->type() == tflite::AssociatedFileType::TENSOR_VALUE_LABELS;
    if (!labels || file->name() == nullptr) {
      continue;
    }
    const std::string locale = file->locale() == nullptr ? std::string() : file->locale()->str();
    if (locale.empty() || locale.starts_with("en")) {
      return file->name()->str();
    }
    if (first.empty()) {
      first = file->name()->str();
    }
  }
  return first;
}

void ReadOutput(const tflite::TensorMetadata& tensor, std::string_view file, ReadMetadata& read) {
  for (const tflite::ProcessUnit* unit : Elements(tensor.process_units())) {
    const tflite::ScoreThresholdingOptions* options = unit->options_as_ScoreThresholdingOptions();
    if (options != nullptr && !read.metadata.score_threshold) {
      read.Keep(&ModelMetadata::score_threshold, options->global_score_threshold(), kFrom);
    }
  }
  const std::string name = LabelsFileOf(tensor);
  if (name.empty() || read.metadata.labels) {
    return;
  }
  const absl::StatusOr<std::string> text = ReadZipMember(file, name, kMaxLabelBytes);
  absl::StatusOr<std::vector<std::string>> labels = text.ok() ? ParseLabels(*text) : text.status();
  if (!labels.ok()) {
    read.warnings.push_back(fmt::format("its labels are not used: {}", Message(labels.status())));
  } else if (!labels->empty()) {
    read.Keep(&ModelMetadata::labels, *std::move(labels), kFrom);
  }
}

ReadMetadata ReadTfliteMetadata(std::string_view file, const std::string& buffer) {
  ReadMetadata read;
  const auto* metadata = Verified<tflite::ModelMetadata>(buffer);
  if (metadata == nullptr) {
    read.warnings.emplace_back("its TFLite metadata is damaged and not used");
    return read;
  }
  const std::vector<const tflite::SubGraphMetadata*> graphs = Elements(metadata->subgraph_metadata());
  if (graphs.empty()) {
    return read;
  }
  for (const tflite::TensorMetadata* tensor : Elements(graphs.front()->input_tensor_metadata())) {
    ReadInput(*tensor, read);
  }
  for (const tflite::TensorMetadata* tensor : Elements(graphs.front()->output_tensor_metadata())) {
    ReadOutput(*tensor, file, read);
  }
  return read;
}

/// What Ultralytics packs into its exports.
void AddExporterMetadata(std::string_view file, ReadMetadata& read) {
  for (const char* name : {"metadata.json", "temp_meta.txt"}) {
    const absl::StatusOr<std::string> text = ReadZipMember(file, name, kMaxLabelBytes);
    if (text.ok()) {
      ReadMetadata packed = ReadExporterDocument(*text, kFrom);
      AddMetadata(std::move(packed.metadata), read.metadata);
      read.warnings.insert(read.warnings.end(), packed.warnings.begin(), packed.warnings.end());
    }
  }
}

}  // namespace

absl::StatusOr<TfliteFacts> ReadTfliteFacts(std::string_view file) {
  const auto* model = Verified<tflite::Model>(file);
  if (model == nullptr) {
    return absl::InvalidArgumentError("it is damaged: it is not the FlatBuffer of a TFLite model");
  }
  TfliteFacts facts{.stated = {}, .custom_operations = CustomOperations(*model)};
  if (const std::string buffer = MetadataBuffer(file, *model); !buffer.empty()) {
    facts.stated = ReadTfliteMetadata(file, buffer);
  }
  AddExporterMetadata(file, facts.stated);
  return facts;
}

}  // namespace accelerd
