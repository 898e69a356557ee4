#include "frontend/http/ncs_render.h"

#include <algorithm>
#include <cmath>
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

HttpResponse NpyResponse(std::string npy) {
  HttpResponse response;
  response.content_type = "application/octet-stream";
  response.body = std::move(npy);
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
  explicit Renderer(bool labels) : labels_(labels) {}

  HttpResponse operator()(const Tensor& tensor) const { return NpyResponse(NpyFromTensor(tensor)); }
  HttpResponse operator()(const Mask& mask) const { return NpyResponse(NpyFromMask(mask)); }

  HttpResponse operator()(const Classes& classes) const {
    Json array = Json::array();
    for (const ClassScore& one : classes.classes) {
      Append(array, RenderClass(one), one.label);
    }
    return JsonResponse(array);
  }

  HttpResponse operator()(const Boxes& boxes) const {
    Json array = Json::array();
    for (const Box& box : boxes.boxes) {
      Append(array, RenderBox(box, static_cast<float>(boxes.rows), static_cast<float>(boxes.cols)), box.label);
    }
    return JsonResponse(array);
  }

 private:
  void Append(Json& array, Json object, const std::string& label) const {
    if (labels_) {
      object["label"] = label;
    }
    array.push_back(std::move(object));
  }

  bool labels_;
};

}  // namespace

HttpResponse RenderResult(const TaskResult& result, bool labels) {
  return std::visit(Renderer(labels), result);
}

HttpResponse RenderImage(const Image& image) {
  return NpyResponse(NpyFromImage(image));
}

HttpResponse RenderList(const std::vector<ModelStatus>& models) {
  Json array = Json::array();
  for (const ModelStatus& model : models) {
    if (model.state == ModelState::kReady) {
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
