#include "model/exporter_metadata.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "fmt/core.h"
#include "model/yaml.h"

namespace accelerd {
namespace {

using Members = std::vector<std::pair<std::string, Yaml>>;

constexpr std::size_t kMaxProperties = 1024;

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// The words between the separators, none of them empty.
std::vector<std::string> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) {
      words.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string Lower(std::string_view text) {
  return absl::AsciiStrToLower({text.data(), text.size()});
}

/// What exporters call their tasks, and what this service calls them.
std::string TaskWord(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kWords = {{
      {"segment", "instances"},  // Ultralytics
      {"obb", "oriented"},
      {"semantic", "segment"},
      {"classification", "classify"},  // Model API
      {"detection", "detect"},
      {"segmentation", "segment"},
      {"instance_segmentation", "instances"},
      {"rotated_detection", "oriented"},
      {"keypoint_detection", "pose"},
      {"ssd", "detect"},
      {"maskrcnn", "instances"},
  }};
  const std::string lower = Lower(text);
  const auto* word = std::ranges::find(kWords, lower, &std::pair<std::string_view, std::string_view>::first);
  return word == kWords.end() ? lower : std::string(word->second);
}

void Warn(Origin from, std::string_view name, std::string_view text, ReadMetadata& read) {
  read.warnings.push_back(fmt::format("{}: {} is \"{}\"; it is not used", OriginName(from), name, text.substr(0, 100)));
}

/// Class names of a sequence, or of a mapping from their numbers. Nothing when `names` is neither.
std::optional<std::vector<std::string>> LabelsOf(const Yaml& names) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < names.items.size(); ++i) {
    const bool mapping = names.kind == Yaml::Kind::kMapping;
    const std::optional<std::size_t> index = mapping ? ParseNumber<std::size_t>(names.names[i]) : i;
    if (!index || *index >= kMaxMetadataLabels) {
      return std::nullopt;
    }
    labels.resize(std::max(labels.size(), *index + 1));
    labels[*index] = names.items[i].scalar;
  }
  return labels.empty() ? std::nullopt : std::optional(std::move(labels));
}

/// "640" or "[480, 640]", height first.
std::optional<std::array<int, 2>> ImageSizeOf(const Yaml& size) {
  const std::optional<int> height = ParseNumber<int>(size.items.empty() ? size.scalar : size.items.front().scalar);
  const std::optional<int> width = size.items.size() == 2 ? ParseNumber<int>(size.items[1].scalar) : height;
  return height && width && size.items.size() <= 2 ? std::optional(std::array<int, 2>{*width, *height}) : std::nullopt;
}

void ReadMember(const std::string& name, const Yaml& value, Origin from, ReadMetadata& read) {
  if (name == "names" || (name == "labels" && value.kind != Yaml::Kind::kScalar)) {
    if (std::optional<std::vector<std::string>> labels = LabelsOf(value)) {
      read.Keep(&ModelMetadata::labels, *std::move(labels), from);
    } else {
      Warn(from, name, value.ToText(), read);
    }
    return;
  }
  if (name == "task" && value.kind == Yaml::Kind::kScalar) {
    read.Keep(&ModelMetadata::task, TaskWord(value.scalar), from);
    return;
  }
  if (name == "imgsz") {
    if (const std::optional<std::array<int, 2>> size = ImageSizeOf(value)) {
      read.Keep(&ModelMetadata::input_size, *size, from);
    } else {
      Warn(from, name, value.ToText(), read);
    }
    return;
  }
  if (value.kind != Yaml::Kind::kMapping) {
    read.KeepProperty(name, value.ToText(), from);
    return;
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    read.KeepProperty(fmt::format("{}.{}", name, value.names[i]), value.items[i].ToText(), from);
  }
}

bool IsByUltralytics(const Members& members) {
  return std::ranges::any_of(members, [](const auto& member) {
    const auto& [name, value] = member;
    return (name == "author" || name == "description") && value.scalar.starts_with("Ultralytics");
  });
}

ReadMetadata ReadMembers(const Members& members, Origin from) {
  ReadMetadata read;
  for (const auto& [name, value] : members) {
    ReadMember(name, value, from, read);
  }
  if (IsByUltralytics(members)) {
    read.metadata.color_order = {{ColorOrder::kRgb, from}};
    read.metadata.scale = {{{255.0F}, from}};
  }
  return read;
}

/// Numbers with spaces or commas between them, in brackets or not. Nothing when one of them is none.
std::optional<std::vector<float>> NumbersOf(std::string_view text) {
  std::vector<float> numbers;
  for (const std::string& word : Split(text, " ,[]()\t\n")) {
    const std::optional<float> number = ParseNumber<float>(word);
    if (!number) {
      return std::nullopt;
    }
    numbers.push_back(*number);
  }
  return numbers;
}

/// One key of model_info, by its own name.
class ModelInfoReader {
 public:
  explicit ModelInfoReader(const std::map<std::string, std::string>& texts) : texts_(texts) {}

  ReadMetadata Read() {
    if (const std::string* embedded = Find("embedded_processing"); embedded == nullptr || !IsTrue(*embedded)) {
      ReadPreprocessing();
    }
    ReadLabels();
    ReadNumber("confidence_threshold", &ModelMetadata::score_threshold);
    ReadNumber("iou_threshold", &ModelMetadata::iou_threshold);
    ReadTask();
    for (const auto& [name, text] : texts_) {
      if (name != "labels") {
        read_.KeepProperty(name, text, kFrom);
      }
    }
    return std::move(read_);
  }

 private:
  static constexpr Origin kFrom = Origin::kModelInfo;

  const std::string* Find(const std::string& name) const {
    const auto found = texts_.find(name);
    return found == texts_.end() || found->second.empty() ? nullptr : &found->second;
  }

  void ReadPreprocessing() {
    ReadNumbers("mean_values", &ModelMetadata::mean);
    ReadNumbers("scale_values", &ModelMetadata::scale);
    if (const std::string* reverse = Find("reverse_input_channels")) {
      // The images of Model API are BGR, and are reversed for a model that wants RGB.
      read_.Keep(&ModelMetadata::color_order, IsTrue(*reverse) ? ColorOrder::kRgb : ColorOrder::kBgr, kFrom);
    }
  }

  void ReadNumbers(const std::string& name, std::optional<Stated<std::vector<float>>> ModelMetadata::* field) {
    const std::string* text = Find(name);
    if (text == nullptr) {
      return;
    }
    std::optional<std::vector<float>> numbers = NumbersOf(*text);
    if (!numbers) {
      Warn(kFrom, name, *text, read_);
    } else if (!numbers->empty()) {
      read_.Keep(field, *std::move(numbers), kFrom);
    }
  }

  void ReadNumber(const std::string& name, std::optional<Stated<float>> ModelMetadata::* field) {
    const std::string* text = Find(name);
    if (text == nullptr) {
      return;
    }
    if (const std::optional<float> number = ParseNumber<float>(*text)) {
      read_.Keep(field, *number, kFrom);
    } else {
      Warn(kFrom, name, *text, read_);
    }
  }

  /// Words with spaces between them; a list or a dictionary is accepted as well.
  void ReadLabels() {
    const std::string* text = Find("labels");
    if (text == nullptr) {
      return;
    }
    std::vector<std::string> labels = Split(*text, " \t\r\n");
    if (text->front() == '[' || text->front() == '{') {
      const absl::StatusOr<Yaml> list = ParseYaml(*text);
      labels = list.ok() ? LabelsOf(*list).value_or(std::move(labels)) : std::move(labels);
    }
    read_.Keep(&ModelMetadata::labels, std::move(labels), kFrom);
  }

  void ReadTask() {
    if (const std::string* task = Find("task_type")) {
      read_.Keep(&ModelMetadata::task, TaskWord(*task), kFrom);
    } else if (const std::string* type = Find("model_type")) {
      // Most types name a decoder, such as YOLO, and not a task.
      if (std::string word = TaskWord(*type); word != Lower(*type)) {
        read_.Keep(&ModelMetadata::task, std::move(word), kFrom);
      }
    }
  }

  const std::map<std::string, std::string>& texts_;
  ReadMetadata read_;
};

}  // namespace

void ReadMetadata::KeepProperty(const std::string& name, std::string text, Origin from) {
  constexpr std::size_t kMaxPropertyBytes = kMaxMetadataBytes / 2;
  const std::size_t bytes = name.size() + text.size();
  if (metadata.properties.size() < kMaxProperties && bytes <= kMaxPropertyBytes - property_bytes_ &&
      metadata.properties.try_emplace(name, Stated<std::string>{std::move(text), from}).second) {
    property_bytes_ += bytes;
  }
}

bool IsTrue(std::string_view text) {
  const std::string lower = Lower(text);
  return lower == "yes" || lower == "true" || lower == "1" || lower == "on";
}

ReadMetadata ReadExporterMetadata(const std::map<std::string, std::string>& texts, Origin from) {
  Members members;
  for (const auto& [name, text] : texts) {
    absl::StatusOr<Yaml> value =
        text.starts_with('{') || text.starts_with('[') ? ParseYaml(text) : absl::InvalidArgumentError("plain text");
    members.emplace_back(name, value.ok()
                                   ? *std::move(value)
                                   : Yaml{.kind = Yaml::Kind::kScalar, .scalar = text, .items = {}, .names = {}});
  }
  return ReadMembers(members, from);
}

ReadMetadata ReadExporterDocument(std::string_view text, Origin from) {
  absl::StatusOr<Yaml> document = ParseYaml(text);
  if (!document.ok()) {
    ReadMetadata nothing;
    nothing.warnings.push_back(fmt::format("{} is not used: {}", OriginName(from), Message(document.status())));
    return nothing;
  }
  Members members;
  for (std::size_t i = 0; i < document->names.size(); ++i) {
    members.emplace_back(std::move(document->names[i]), std::move(document->items[i]));
  }
  return ReadMembers(members, from);
}

ReadMetadata ReadModelInfoSection(const std::map<std::string, std::string>& texts) {
  return ModelInfoReader(texts).Read();
}

}  // namespace accelerd
