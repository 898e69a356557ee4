#include "frontend/http/ncs_render.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "frontend/http/npy.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Json = nlohmann::ordered_json;

/// Python's int(), bounded: a model may answer anything.
int Truncate(float value) {
  constexpr float kBound = 1e9F;
  return std::isnan(value) ? 0 : static_cast<int>(std::clamp(value, -kBound, kBound));
}

HttpResponse JsonResponse(const Json& json) {
  HttpResponse response;
  response.body = json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  return response;
}

/// Reserves `bytes`, those of the elements, then makes the body.
template <typename F>
absl::StatusOr<HttpResponse> NpyResponse(std::size_t bytes, AnswerRoom& room, F&& make_npy) {
  HttpResponse response;
  ACCELERD_RETURN_IF_ERROR(room.Reserve(bytes));
  response.content_type = "application/octet-stream";
  response.body = make_npy();
  return response;
}

/// Lists are small, but for models with very many classes: those are reserved when their size is known.
absl::StatusOr<HttpResponse> ListResponse(const Json& json, AnswerRoom& room) {
  HttpResponse response = JsonResponse(json);
  ACCELERD_RETURN_IF_ERROR(room.Reserve(response.body.size()));
  return response;
}

Json RenderClass(const ClassScore& one) {
  return {{"class", one.index}, {"score", Truncate(100.0F * one.probability)}};
}

Json RenderBox(const Box& box, float rows, float cols) {
  const int x = Truncate(box.left * cols);
  const int y = Truncate(box.top * rows);
  return {{"class", box.index},
          {"score", Truncate(100.0F * box.score)},
          {"x", x},
          {"y", y},
          {"w", Truncate(box.right * cols) - x},
          {"h", Truncate(box.bottom * rows) - y}};
}

class Renderer {
 public:
  Renderer(bool labels, AnswerRoom& room) : labels_(labels), room_(room) {}

  absl::StatusOr<HttpResponse> operator()(const Tensor& tensor) const {
    const std::size_t widening = tensor.element_type() == ElementType::kBf16 ? 2 : 1;
    return NpyResponse(tensor.byte_size() * widening, room_, [&] { return NpyFromTensor(tensor); });
  }

  absl::StatusOr<HttpResponse> operator()(const Mask& mask) const {
    return NpyResponse(std::span(mask.classes).size_bytes(), room_, [&] { return NpyFromMask(mask); });
  }

  absl::StatusOr<HttpResponse> operator()(const Classes& classes) const {
    Json array = Json::array();
    for (const ClassScore& one : classes.classes) {
      Append(array, RenderClass(one), one.label);
    }
    return ListResponse(array, room_);
  }

  absl::StatusOr<HttpResponse> operator()(const Boxes& boxes) const {
    Json array = Json::array();
    for (const Box& box : boxes.boxes) {
      Append(array, RenderBox(box, static_cast<float>(boxes.rows), static_cast<float>(boxes.cols)), box.label);
    }
    return ListResponse(array, room_);
  }

 private:
  void Append(Json& array, Json object, const std::string& label) const {
    if (labels_) {
      object["label"] = label;
    }
    array.push_back(std::move(object));
  }

  bool labels_;
  AnswerRoom& room_;
};

}  // namespace

absl::StatusOr<HttpResponse> RenderResult(const TaskResult& result, bool labels, AnswerRoom& room) {
  return std::visit(Renderer(labels, room), result);
}

absl::StatusOr<HttpResponse> WithImageWarning(absl::StatusOr<HttpResponse> response, std::string_view warning) {
  if (response.ok() && !warning.empty()) {
    // A library's message may quote the file: a header holds printable ASCII alone.
    std::string text(warning);
    std::replace_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    response->headers.emplace_back("X-Image-Warning", std::move(text));
  }
  return response;
}

absl::StatusOr<HttpResponse> RenderImage(std::shared_ptr<const Image> image, AnswerRoom& room) {
  ACCELERD_RETURN_IF_ERROR(room.Reserve(image->pixels.size()));
  HttpResponse response;
  response.content_type = "application/octet-stream";
  response.body = NpyHeader(*image);
  response.rest = {reinterpret_cast<const char*>(image->pixels.data()), image->pixels.size()};
  response.memory = std::move(image);
  return response;
}

HttpResponse RenderList(const std::vector<ModelStatus>& models) {
  Json array = Json::array();
  for (const ModelStatus& model : models) {
    if (model.loaded || model.state == ModelState::kReady) {
      array.push_back(model.name);
    }
  }
  return JsonResponse(array);
}

HttpResponse RenderShape(const ModelDescription& model) {
  Json array = Json::array();
  for (const std::int64_t size : model.image_shape) {
    array.push_back(size);
  }
  return JsonResponse(array);
}

}  // namespace accelerd
