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
absl::StatusOr<HttpResponse> NpyResponse(std::size_t bytes, ByteBudget& budget, F&& make_npy) {
  HttpResponse response;
  ACCELERD_ASSIGN_OR_RETURN(response.memory, ReserveAnswer(bytes, budget));
  response.content_type = "application/octet-stream";
  response.body = make_npy();
  return response;
}

/// Lists are small, but for models with very many classes: those are reserved when their size is known.
absl::StatusOr<HttpResponse> ListResponse(const Json& json, ByteBudget& budget) {
  HttpResponse response = JsonResponse(json);
  ACCELERD_ASSIGN_OR_RETURN(response.memory, ReserveAnswer(response.body.size(), budget));
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
  Renderer(bool labels, ByteBudget& budget) : labels_(labels), budget_(budget) {}

  absl::StatusOr<HttpResponse> operator()(const Tensor& tensor) const {
    const std::size_t widening = tensor.element_type() == ElementType::kBf16 ? 2 : 1;
    return NpyResponse(tensor.byte_size() * widening, budget_, [&] { return NpyFromTensor(tensor); });
  }

  absl::StatusOr<HttpResponse> operator()(const Mask& mask) const {
    return NpyResponse(std::span(mask.classes).size_bytes(), budget_, [&] { return NpyFromMask(mask); });
  }

  absl::StatusOr<HttpResponse> operator()(const Classes& classes) const {
    Json array = Json::array();
    for (const ClassScore& one : classes.classes) {
      Append(array, RenderClass(one), one.label);
    }
    return ListResponse(array, budget_);
  }

  absl::StatusOr<HttpResponse> operator()(const Boxes& boxes) const {
    Json array = Json::array();
    for (const Box& box : boxes.boxes) {
      Append(array, RenderBox(box, static_cast<float>(boxes.rows), static_cast<float>(boxes.cols)), box.label);
    }
    return ListResponse(array, budget_);
  }

 private:
  void Append(Json& array, Json object, const std::string& label) const {
    if (labels_) {
      object["label"] = label;
    }
    array.push_back(std::move(object));
  }

  bool labels_;
  ByteBudget& budget_;
};

}  // namespace

absl::StatusOr<HttpResponse> RenderResult(const TaskResult& result, bool labels, ByteBudget& budget) {
  return std::visit(Renderer(labels, budget), result);
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

absl::StatusOr<HttpResponse> RenderImage(std::shared_ptr<const Image> image, ByteBudget& budget) {
  struct Memory {
    std::shared_ptr<const void> reservation;
    std::shared_ptr<const Image> image;
  };
  ACCELERD_ASSIGN_OR_RETURN(auto reservation, ReserveAnswer(image->pixels.size(), budget));
  HttpResponse response;
  response.content_type = "application/octet-stream";
  response.body = NpyHeader(*image);
  response.rest = {reinterpret_cast<const char*>(image->pixels.data()), image->pixels.size()};
  response.memory = std::make_shared<const Memory>(Memory{std::move(reservation), std::move(image)});
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
