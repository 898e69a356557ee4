#include "backend/isolated/metadata_json.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

using nlohmann::json;

constexpr const char* kValue = "value";
constexpr const char* kFrom = "from";

std::string_view ColorOrderName(ColorOrder order) {
  return order == ColorOrder::kRgb ? "rgb" : "bgr";
}

absl::Status ReadValue(const json& value, ColorOrder& target) {
  const auto name = value.get<std::string>();
  if (name != "rgb" && name != "bgr") {
    return absl::InvalidArgumentError(fmt::format("there is no colour order \"{}\"", name));
  }
  target = name == "rgb" ? ColorOrder::kRgb : ColorOrder::kBgr;
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadValue(const json& value, T& target) {
  target = value.get<T>();
  return absl::OkStatus();
}

template <typename T>
json StatedToJson(const T& value, Origin from) {
  return {{kValue, value}, {kFrom, OriginName(from)}};
}

template <typename T>
void Write(const char* name, const std::optional<Stated<T>>& field, json& body) {
  if (field) {
    body[name] = StatedToJson(field->value, field->from);
  }
}

template <typename T>
absl::Status ReadStated(const json& stated, Stated<T>& target) {
  ACCELERD_RETURN_IF_ERROR(ReadValue(stated.at(kValue), target.value));
  ACCELERD_ASSIGN_OR_RETURN(target.from, ParseOrigin(stated.at(kFrom).get<std::string>()));
  return absl::OkStatus();
}

template <typename T>
absl::Status Read(const json& body, const char* name, std::optional<Stated<T>>& field) {
  const auto found = body.find(name);
  return found == body.end() ? absl::OkStatus() : ReadStated(*found, field.emplace());
}

}  // namespace

json MetadataToJson(const ModelMetadata& metadata) {
  json body = json::object();
  Write("task", metadata.task, body);
  if (metadata.color_order) {
    body["color_order"] = StatedToJson(ColorOrderName(metadata.color_order->value), metadata.color_order->from);
  }
  Write("mean", metadata.mean, body);
  Write("scale", metadata.scale, body);
  Write("labels", metadata.labels, body);
  Write("input_size", metadata.input_size, body);
  Write("score_threshold", metadata.score_threshold, body);
  Write("iou_threshold", metadata.iou_threshold, body);
  for (const auto& [name, text] : metadata.properties) {
    body["properties"][name] = StatedToJson(text.value, text.from);
  }
  return body;
}

absl::StatusOr<ModelMetadata> MetadataFromJson(const json& body) {
  ModelMetadata metadata;
  ACCELERD_RETURN_IF_ERROR(Read(body, "task", metadata.task));
  ACCELERD_RETURN_IF_ERROR(Read(body, "color_order", metadata.color_order));
  ACCELERD_RETURN_IF_ERROR(Read(body, "mean", metadata.mean));
  ACCELERD_RETURN_IF_ERROR(Read(body, "scale", metadata.scale));
  ACCELERD_RETURN_IF_ERROR(Read(body, "labels", metadata.labels));
  ACCELERD_RETURN_IF_ERROR(Read(body, "input_size", metadata.input_size));
  ACCELERD_RETURN_IF_ERROR(Read(body, "score_threshold", metadata.score_threshold));
  ACCELERD_RETURN_IF_ERROR(Read(body, "iou_threshold", metadata.iou_threshold));
  if (const auto properties = body.find("properties"); properties != body.end()) {
    for (const auto& [name, text] : properties->items()) {
      ACCELERD_RETURN_IF_ERROR(ReadStated(text, metadata.properties[name]));
    }
  }
  ACCELERD_RETURN_IF_ERROR(ValidateMetadata(metadata));
  return metadata;
}

}  // namespace accelerd
