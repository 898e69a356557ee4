#include "model/model_card.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/parse_toml.h"
#include "fmt/core.h"
#include "model/labels.h"
#include "model/model_folder.h"

namespace accelerd {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20U;
constexpr std::size_t kMaxChannels = 4;
constexpr std::int64_t kMaxImageSide = 16384;
constexpr std::int64_t kMaxSlots = 64;
// Beyond it the smallest number of an integer output would be no score any more.
constexpr float kMaxOutputScale = 1000.0F;

/// Names of the values of an enumeration, for both directions.
template <typename T, std::size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;

constexpr Names<Task, 4> kTasks = {{{"inference", Task::kInference},
                                    {"classify", Task::kClassify},
                                    {"detect", Task::kDetect},
                                    {"segment", Task::kSegment}}};
constexpr Names<ColorOrder, 2> kColorOrders = {{{"bgr", ColorOrder::kBgr}, {"rgb", ColorOrder::kRgb}}};
constexpr Names<BoxDecoder, 2> kBoxDecoders = {{{"ssd", BoxDecoder::kSsd}, {"boxes", BoxDecoder::kBoxes}}};
constexpr Names<BoxUnit, 2> kBoxUnits = {{{"normalized", BoxUnit::kNormalized}, {"pixels", BoxUnit::kPixels}}};
constexpr Names<Precision, 4> kPrecisions = {
    {{"default", Precision::kDefault}, {"f32", Precision::kF32}, {"f16", Precision::kF16}, {"bf16", Precision::kBf16}}};
constexpr Names<PerformanceHint, 2> kPerformanceHints = {
    {{"throughput", PerformanceHint::kThroughput}, {"latency", PerformanceHint::kLatency}}};

template <typename T, std::size_t N>
std::string_view NameOf(const Names<T, N>& names, T value) {
  return std::ranges::find(names, value, &std::pair<std::string_view, T>::second)->first;
}

template <typename T, std::size_t N>
absl::StatusOr<T> ValueOf(const Names<T, N>& names, std::string_view name) {
  std::string known;
  for (const auto& [candidate, value] : names) {
    if (candidate == name) {
      return value;
    }
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", candidate);
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not one of {}", name, known));
}

absl::Status Expected(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("expected {}", what));
}

// One function a kind of value; they report without the place, which their caller knows.

template <typename T, std::size_t N>
absl::Status ReadName(const toml::node& node, const Names<T, N>& names, std::optional<T>& out) {
  const std::optional<std::string_view> name = node.value_exact<std::string_view>();
  if (!name) {
    return Expected("a string");
  }
  ACCELERD_ASSIGN_OR_RETURN(out, ValueOf(names, absl::AsciiStrToLower({name->data(), name->size()})));
  return absl::OkStatus();
}

absl::StatusOr<float> ReadNumber(const toml::node& node) {
  const std::optional<double> value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !std::isfinite(static_cast<float>(*value))) {
    return Expected("a finite number");
  }
  return static_cast<float>(*value);
}

absl::Status ReadNumbers(const toml::node& node, std::vector<float>& out) {
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    ACCELERD_ASSIGN_OR_RETURN(const float number, ReadNumber(node));
    out = {number};
    return absl::OkStatus();
  }
  if (array->empty() || array->size() > kMaxChannels) {
    return Expected(fmt::format("a number, or an array of 1 to {} numbers", kMaxChannels));
  }
  for (const toml::node& element : *array) {
    ACCELERD_ASSIGN_OR_RETURN(const float number, ReadNumber(element));
    out.push_back(number);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> ReadInteger(const toml::node& node, std::int64_t largest) {
  const std::optional<std::int64_t> value = node.value_exact<std::int64_t>();
  if (!value || *value < 1 || *value > largest) {
    return Expected(fmt::format("an integer from 1 to {}", largest));
  }
  return static_cast<int>(*value);
}

absl::Status ReadTask(const toml::node& node, ModelCard& card) {
  return ReadName(node, kTasks, card.task);
}

absl::Status ReadLayout(const toml::node& node, ModelCard& card) {
  std::string layout = node.value_exact<std::string>().value_or("");
  absl::AsciiStrToUpper(&layout);
  if (std::ranges::find(kImageLayouts, layout) == kImageLayouts.end()) {
    return Expected("\"NCHW\", \"NHWC\", \"CHW\", \"HWC\", \"NHW\" or \"HW\"");
  }
  card.layout = std::move(layout);
  return absl::OkStatus();
}

absl::Status ReadOutputLayout(const toml::node& node, ModelCard& card) {
  std::string layout = node.value_exact<std::string>().value_or("");
  absl::AsciiStrToUpper(&layout);
  if (layout != "NCHW" && layout != "NHWC") {
    return Expected("\"NCHW\" or \"NHWC\"");
  }
  card.output_layout = std::move(layout);
  return absl::OkStatus();
}

absl::Status ReadDecoder(const toml::node& node, ModelCard& card) {
  return ReadName(node, kBoxDecoders, card.decoder);
}

absl::Status ReadBoxUnit(const toml::node& node, ModelCard& card) {
  return ReadName(node, kBoxUnits, card.box_unit);
}

absl::Status ReadInputSize(const toml::node& node, ModelCard& card) {
  const toml::array* array = node.as_array();
  if (array == nullptr || array->size() != 2) {
    return Expected("an array of two integers, width and height");
  }
  ACCELERD_ASSIGN_OR_RETURN(const int width, ReadInteger(*array->get(0), kMaxImageSide));
  ACCELERD_ASSIGN_OR_RETURN(const int height, ReadInteger(*array->get(1), kMaxImageSide));
  card.input_size = {width, height};
  return absl::OkStatus();
}

absl::Status ReadColorOrder(const toml::node& node, ModelCard& card) {
  return ReadName(node, kColorOrders, card.color_order);
}

absl::Status ReadMean(const toml::node& node, ModelCard& card) {
  return ReadNumbers(node, card.mean);
}

absl::Status ReadScale(const toml::node& node, ModelCard& card) {
  ACCELERD_RETURN_IF_ERROR(ReadNumbers(node, card.scale));
  return std::ranges::count(card.scale, 0.0F) == 0 ? absl::OkStatus() : Expected("numbers other than 0");
}

/// Only the name; the file is read when the whole card is known to be right.
absl::Status CheckLabels(const toml::node& node, ModelCard&) {
  const std::optional<std::string> name = node.value_exact<std::string>();
  if (!name || name->empty() || name->find('\0') != std::string::npos) {
    return Expected("the name of a file");
  }
  const std::filesystem::path path(*name);
  if (path.is_absolute() || std::ranges::count(path, std::filesystem::path("..")) != 0) {
    return Expected("a file beside the model: a relative path without \"..\"");
  }
  return absl::OkStatus();
}

absl::Status ReadOutputScale(const toml::node& node, ModelCard& card) {
  ACCELERD_ASSIGN_OR_RETURN(card.output_scale, ReadNumber(node));
  return *card.output_scale > 0 && *card.output_scale <= kMaxOutputScale
             ? absl::OkStatus()
             : Expected(fmt::format("a number above 0 and up to {}", kMaxOutputScale));
}

absl::Status ReadSoftmax(const toml::node& node, ModelCard& card) {
  card.softmax = node.value_exact<bool>();
  return card.softmax ? absl::OkStatus() : Expected("true or false");
}

absl::Status ReadSigmoid(const toml::node& node, ModelCard& card) {
  card.sigmoid = node.value_exact<bool>();
  return card.sigmoid ? absl::OkStatus() : Expected("true or false");
}

absl::Status ReadPrecision(const toml::node& node, ModelCard& card) {
  return ReadName(node, kPrecisions, card.precision);
}

absl::Status ReadPerformanceHint(const toml::node& node, ModelCard& card) {
  return ReadName(node, kPerformanceHints, card.performance_hint);
}

absl::Status ReadSlots(const toml::node& node, ModelCard& card) {
  ACCELERD_ASSIGN_OR_RETURN(card.slots, ReadInteger(node, kMaxSlots));
  return absl::OkStatus();
}

struct Key {
  std::string_view name;
  absl::Status (*read)(const toml::node& node, ModelCard& card);
};

constexpr std::array<Key, 16> kKeys = {{{"task", ReadTask},
                                        {"layout", ReadLayout},
                                        {"input_size", ReadInputSize},
                                        {"color_order", ReadColorOrder},
                                        {"mean", ReadMean},
                                        {"scale", ReadScale},
                                        {"labels", CheckLabels},
                                        {"output_scale", ReadOutputScale},
                                        {"softmax", ReadSoftmax},
                                        {"sigmoid", ReadSigmoid},
                                        {"output_layout", ReadOutputLayout},
                                        {"decoder", ReadDecoder},
                                        {"box_unit", ReadBoxUnit},
                                        {"precision", ReadPrecision},
                                        {"performance_hint", ReadPerformanceHint},
                                        {"slots", ReadSlots}}};

absl::Status ErrorAt(const std::string& path, const toml::source_position& position, std::string_view message) {
  return absl::InvalidArgumentError(fmt::format("{}:{}:{}: {}", path, position.line, position.column, message));
}

std::string KnownKeys() {
  std::string known;
  for (const Key& key : kKeys) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", key.name);
  }
  return known;
}

}  // namespace

std::string_view TaskName(Task task) {
  return NameOf(kTasks, task);
}

absl::StatusOr<Task> ParseTask(std::string_view name) {
  return ValueOf(kTasks, name);
}

std::string_view PrecisionName(Precision precision) {
  return NameOf(kPrecisions, precision);
}

absl::StatusOr<Precision> ParsePrecision(std::string_view name) {
  return ValueOf(kPrecisions, name);
}

absl::StatusOr<ModelCard> ReadModelCard(const ModelFiles& files) {
  const absl::StatusOr<ModelFolder> folder = ModelFolder::Open(files);
  const absl::StatusOr<std::string> text =
      folder.ok() ? folder->ReadFile(std::filesystem::path(files.card).filename(), kMaxBytes) : folder.status();
  if (absl::IsNotFound(text.status())) {
    return ModelCard();
  }
  ACCELERD_RETURN_IF_ERROR(text.status());
  return ParseModelCard(*text, files.card, *folder);
}

absl::StatusOr<ModelCard> ParseModelCard(const std::string& text, const std::string& path, const ModelFolder& folder) {
  ACCELERD_ASSIGN_OR_RETURN(const toml::table table, ParseToml(text, path));
  ModelCard card;
  for (const auto& [name, node] : table) {
    const std::string_view name_text = name.str();
    const auto* key = std::ranges::find(kKeys, name_text, &Key::name);
    if (key == kKeys.end()) {
      return ErrorAt(path, name.source().begin, fmt::format("unknown key \"{}\"; known: {}", name_text, KnownKeys()));
    }
    if (const absl::Status status = key->read(node, card); !status.ok()) {
      return ErrorAt(path, node.source().begin, fmt::format("{}: {}", name_text, Message(status)));
    }
  }
  if (const toml::node* labels = table.get("labels"); labels != nullptr) {
    absl::StatusOr<std::vector<std::string>> names = ReadLabels(folder, *labels->value<std::string>());
    if (!names.ok()) {
      return ErrorAt(path, labels->source().begin, fmt::format("labels: {}", Message(names.status())));
    }
    card.labels = *std::move(names);
  }
  return card;
}

}  // namespace accelerd
