#include "backend/openvino/test_models.h"

#include <vector>

#include "openvino/core/graph_util.hpp"
#include "openvino/core/layout.hpp"
#include "openvino/opsets/opset8.hpp"

namespace accelerd::openvino {
namespace {

namespace op = ov::opset8;

std::shared_ptr<op::Constant> Floats(const ov::Shape& shape, float value) {
  return op::Constant::create(ov::element::f32, shape, std::vector<float>(ov::shape_size(shape), value));
}

std::shared_ptr<op::Parameter> Input(ov::element::Type type, const ov::PartialShape& shape) {
  auto input = std::make_shared<op::Parameter>(type, shape);
  input->output(0).set_names({"x"});
  return input;
}

}  // namespace

std::shared_ptr<ov::Model> AddModel(float addend) {
  const auto input = Input(ov::element::f32, {1, 4});
  const auto sum = std::make_shared<op::Add>(input, Floats({1, 4}, addend));
  sum->output(0).set_names({"y"});
  return std::make_shared<ov::Model>(ov::OutputVector{sum}, ov::ParameterVector{input});
}

std::shared_ptr<ov::Model> DynamicBatchModel() {
  const auto input = Input(ov::element::f32, {-1, 3});
  const auto product = std::make_shared<op::Multiply>(input, Floats({1, 3}, 2));
  product->output(0).set_names({"y"});
  return std::make_shared<ov::Model>(ov::OutputVector{product}, ov::ParameterVector{input});
}

std::shared_ptr<ov::Model> PictureModel() {
  const auto input = Input(ov::element::u8, {1, 4, 4, 3});
  input->set_layout("NHWC");
  const auto axes = op::Constant::create(ov::element::i64, {2}, {1, 2});
  const auto mean =
      std::make_shared<op::ReduceMean>(std::make_shared<op::Convert>(input, ov::element::f32), axes, false);
  mean->output(0).set_names({"mean"});
  const auto white = op::Constant::create(ov::element::u8, ov::Shape{}, {255});
  const auto inverted = std::make_shared<op::Subtract>(white, input);
  inverted->output(0).set_names({"inverted"});
  return std::make_shared<ov::Model>(ov::OutputVector{mean, inverted}, ov::ParameterVector{input});
}

std::shared_ptr<ov::Model> SlowModel() {
  constexpr int kProducts = 100;
  constexpr std::size_t kSide = 512;
  const auto input = Input(ov::element::f32, {kSide, kSide});
  std::shared_ptr<ov::Node> last = input;
  for (int i = 0; i < kProducts; ++i) {
    last = std::make_shared<op::MatMul>(last, input);
  }
  last->output(0).set_names({"y"});
  return std::make_shared<ov::Model>(ov::OutputVector{last}, ov::ParameterVector{input});
}

ModelFiles WriteIr(const std::shared_ptr<ov::Model>& model, const std::string& directory, const std::string& name) {
  const std::string base = directory + "/" + name;
  ov::serialize(model, base + ".xml", base + ".bin");
  return {base + ".xml", ModelFormat::kOpenvinoIr, base + ".toml"};
}

}  // namespace accelerd::openvino
