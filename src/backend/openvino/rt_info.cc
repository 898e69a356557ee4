#include "backend/openvino/rt_info.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace accelerd::openvino {
namespace {

/// Whether the conversion that made an IR was given one of these parameters.
bool WasGiven(const IrFacts& facts, std::initializer_list<const char*> names) {
  constexpr std::array<std::string_view, 8> kUnset = {"", "()", "[]", "{}", "None", "False", "NO", "0"};
  return std::ranges::any_of(names, [&](const char* name) {
    const auto found = facts.conversion.find(name);
    return found != facts.conversion.end() && std::ranges::find(kUnset, found->second) == kUnset.end();
  });
}

}  // namespace

ReadMetadata ReadIrMetadata(const IrFacts& facts) {
  ReadMetadata read = ReadModelInfoSection(facts.model_info);
  ReadMetadata onnx = ReadExporterMetadata(facts.framework, Origin::kOnnxMetadata);
  AddMetadata(std::move(onnx.metadata), read.metadata);
  read.warnings.insert(read.warnings.end(), onnx.warnings.begin(), onnx.warnings.end());
  return read;
}

void DropWhatTheGraphDoes(const IrFacts& facts, ModelMetadata& metadata) {
  const auto embedded = facts.model_info.find("embedded_processing");
  const bool all = embedded != facts.model_info.end() && IsTrue(embedded->second);
  if (all || WasGiven(facts, {"mean_values", "mean_scale_values"})) {
    metadata.mean.reset();
  }
  if (all || WasGiven(facts, {"scale_values", "scale", "mean_scale_values"})) {
    metadata.scale.reset();
  }
  if (all || WasGiven(facts, {"reverse_input_channels"})) {
    metadata.color_order.reset();
  }
}

ReadMetadata ReadOnnxMetadata(const ov::Model& model) {
  std::map<std::string, std::string> texts;
  const auto section = model.get_rt_info().find("framework");
  if (section != model.get_rt_info().end() && section->second.is<ov::AnyMap>()) {
    for (const auto& [name, value] : section->second.as<ov::AnyMap>()) {
      if (value.is<std::string>()) {
        texts.emplace(name, value.as<std::string>());
      }
    }
  }
  return ReadExporterMetadata(texts, Origin::kOnnxMetadata);
}

}  // namespace accelerd::openvino
