#include "backend/isolated/model_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "backend/isolated/metadata_json.h"
#include "base/parse_json.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using nlohmann::json;

constexpr int kMaxSlots = 4096;
constexpr std::size_t kMaxRank = 32;
constexpr std::array<std::string_view, 3> kFormats = {"openvino-ir", "onnx", "tflite"};  // As ModelFormat.

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("malformed message: {}", what));
}

/// Calls `decode`, which throws what the JSON library throws.
template <typename F>
auto Decode(std::string_view body, F decode) -> decltype(decode(json())) {
  try {
    ACCELERD_ASSIGN_OR_RETURN(const json parsed, ParseJson(body));
    return decode(parsed);
  } catch (const json::exception& error) {
    return Malformed(error.what());
  }
}

json TensorsToJson(const std::vector<TensorSpec>& specs) {
  json list = json::array();
  for (const TensorSpec& spec : specs) {
    list.push_back({{"name", spec.name},
                    {"type", ElementName(spec.element_type)},
                    {"shape", std::vector<std::int64_t>(spec.shape.begin(), spec.shape.end())},
                    {"layout", spec.layout}});
  }
  return list;
}

absl::StatusOr<ElementType> ParseElementType(std::string_view name) {
  for (int type = 0; type <= static_cast<int>(ElementType::kF64); ++type) {
    if (ElementName(static_cast<ElementType>(type)) == name) {
      return static_cast<ElementType>(type);
    }
  }
  return Malformed(fmt::format("there is no element type \"{}\"", name));
}

absl::StatusOr<std::vector<TensorSpec>> ParseTensors(const json& list) {
  std::vector<TensorSpec> specs;
  for (const json& item : list) {
    TensorSpec spec;
    spec.name = item.at("name").get<std::string>();
    ACCELERD_ASSIGN_OR_RETURN(spec.element_type, ParseElementType(item.at("type").get<std::string>()));
    spec.layout = item.value("layout", "");
    for (const auto size : item.at("shape").get<std::vector<std::int64_t>>()) {
      if (size < -1 || spec.shape.size() == kMaxRank) {
        return Malformed(fmt::format("the shape of \"{}\"", spec.name));
      }
      spec.shape.push_back(size);
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

absl::StatusOr<CompileMessage> ParseCompile(const json& body) {
  CompileMessage message;
  message.model = body.at("model").get<std::uint32_t>();
  ModelSource& source = message.source;
  source.name = body.at("name").get<std::string>();
  source.files.main = body.at("file").get<std::string>();
  source.files.card = body.at("card").get<std::string>();
  source.files.root = body.at("root").get<std::string>();
  const auto format = std::ranges::find(kFormats, body.at("format").get<std::string>());
  if (format == kFormats.end()) {
    return Malformed("the format");
  }
  source.files.format = static_cast<ModelFormat>(format - kFormats.begin());
  ACCELERD_ASSIGN_OR_RETURN(source.settings.precision, ParsePrecision(body.at("precision").get<std::string>()));
  source.settings.performance_hint =
      body.at("hint").get<std::string>() == "latency" ? PerformanceHint::kLatency : PerformanceHint::kThroughput;
  source.settings.slots = body.at("slots").get<int>();
  source.refresh_cache = body.value("refresh_cache", false);
  return message;
}

/// What a JSON text cannot hold otherwise: a scale that is 0 or no number would make numbers that are none.
bool IsScale(float scale, float zero_point) {
  return std::isfinite(scale) && scale != 0.0F && std::isfinite(zero_point);
}

absl::StatusOr<std::vector<InputFacts>> ParseInputFacts(const json& list) {
  std::vector<InputFacts> facts;
  for (const json& item : list) {
    const InputFacts input{.quantized = item.value("quantized", false),
                           .scale = item.value("scale", 1.0F),
                           .zero_point = item.value("zero_point", 0.0F)};
    if (!IsScale(input.scale, input.zero_point)) {
      return Malformed("the scale of an input");
    }
    facts.push_back(input);
  }
  return facts;
}

absl::StatusOr<std::vector<OutputFacts>> ParseOutputFacts(const json& list) {
  std::vector<OutputFacts> facts;
  for (const json& item : list) {
    const OutputFacts output{.probabilities = item.value("probabilities", false),
                             .scale = item.value("scale", 1.0F),
                             .zero_point = item.value("zero_point", 0.0F),
                             .quantized = item.value("quantized", false),
                             .class_ids = item.value("class_ids", false),
                             .ssd_rows = item.value("ssd_rows", false),
                             .mixed = item.value("mixed", false),
                             .class_axis = item.value("class_axis", -1)};
    if (!IsScale(output.scale, output.zero_point) || output.class_axis < -1 ||
        output.class_axis >= static_cast<int>(item.at("shape").size())) {
      return Malformed("the scale or the class axis of an output");
    }
    facts.push_back(output);
  }
  return facts;
}

absl::StatusOr<ModelInfo> ParseModelInfo(const json& body) {
  ModelInfo info;
  ACCELERD_ASSIGN_OR_RETURN(info.signature.inputs, ParseTensors(body.at("inputs")));
  ACCELERD_ASSIGN_OR_RETURN(info.signature.outputs, ParseTensors(body.at("outputs")));
  ACCELERD_ASSIGN_OR_RETURN(info.inputs, ParseInputFacts(body.at("inputs")));
  ACCELERD_ASSIGN_OR_RETURN(info.outputs, ParseOutputFacts(body.at("outputs")));
  info.slots = body.at("slots").get<int>();
  if (info.slots < 1 || info.slots > kMaxSlots) {
    return Malformed(fmt::format("{} slots", info.slots));
  }
  info.content_hash = body.at("content_hash").get<std::string>();
  info.files = body.at("files").get<std::vector<std::string>>();
  info.from_cache = body.value("from_cache", false);
  info.runtime = body.value("runtime", "");
  if (const auto metadata = body.find("metadata"); metadata != body.end()) {
    ACCELERD_ASSIGN_OR_RETURN(info.metadata, MetadataFromJson(*metadata));
  }
  return info;
}

}  // namespace

absl::StatusOr<std::string> EncodeCompile(const CompileMessage& message) {
  const ModelSource& source = message.source;
  const json body = {{"model", message.model},
                     {"name", source.name},
                     {"file", source.files.main},
                     {"card", source.files.card},
                     {"root", source.files.root},
                     {"format", kFormats.at(static_cast<std::size_t>(source.files.format))},
                     {"precision", PrecisionName(source.settings.precision)},
                     {"hint", source.settings.performance_hint == PerformanceHint::kLatency ? "latency" : "throughput"},
                     {"slots", source.settings.slots},
                     {"refresh_cache", source.refresh_cache}};
  try {
    return body.dump();
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(fmt::format("the path {} is not UTF-8", source.files.main));
  }
}

absl::StatusOr<CompileMessage> DecodeCompile(std::string_view body) {
  return Decode(body, ParseCompile);
}

std::string EncodeModelInfo(const ModelInfo& info) {
  json body = {{"inputs", TensorsToJson(info.signature.inputs)},
               {"outputs", TensorsToJson(info.signature.outputs)},
               {"slots", info.slots},
               {"content_hash", info.content_hash},
               {"files", info.files},
               {"from_cache", info.from_cache},
               {"runtime", info.runtime},
               {"metadata", MetadataToJson(info.metadata)}};
  for (std::size_t i = 0; i < info.inputs.size(); ++i) {
    body["inputs"][i]["quantized"] = info.inputs[i].quantized;
    body["inputs"][i]["scale"] = info.inputs[i].scale;
    body["inputs"][i]["zero_point"] = info.inputs[i].zero_point;
  }
  for (std::size_t i = 0; i < info.outputs.size(); ++i) {
    const OutputFacts& facts = info.outputs[i];
    json& output = body["outputs"][i];
    output["probabilities"] = facts.probabilities;
    output["scale"] = facts.scale;
    output["zero_point"] = facts.zero_point;
    output["quantized"] = facts.quantized;
    output["class_ids"] = facts.class_ids;
    output["ssd_rows"] = facts.ssd_rows;
    output["mixed"] = facts.mixed;
    output["class_axis"] = facts.class_axis;
  }
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<ModelInfo> DecodeModelInfo(std::string_view body) {
  return Decode(body, ParseModelInfo);
}

}  // namespace accelerd
