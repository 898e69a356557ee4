#include "backend/openvino/input_facts.h"

#include "gtest/gtest.h"
#include "openvino/opsets/opset8.hpp"

namespace accelerd::openvino {
namespace {

namespace op = ov::opset8;
using Node = std::shared_ptr<ov::Node>;

Node Scalar(float value) {
  return op::Constant::create(ov::element::f32, ov::Shape{}, {value});
}

/// What is read of an i8 input [1,8,8,3] that `make` makes a graph of.
InputFacts FactsOf(Node (*make)(const Node& input)) {
  const auto input = std::make_shared<op::Parameter>(ov::element::i8, ov::PartialShape{1, 8, 8, 3});
  return ReadInputFacts(ov::Model(ov::OutputVector{make(input)}, ov::ParameterVector{input})).at(0);
}

Node Real(const Node& input) {
  return std::make_shared<op::Convert>(input, ov::element::f32);
}

TEST(InputFactsTest, ZeroPointAndScale) {
  const InputFacts both = FactsOf([](const Node& input) -> Node {
    return std::make_shared<op::Multiply>(std::make_shared<op::Subtract>(Real(input), Scalar(-128)), Scalar(0.25F));
  });
  EXPECT_EQ(both, (InputFacts{.quantized = true, .scale = 0.25F, .zero_point = -128}));
  const InputFacts zero_point =
      FactsOf([](const Node& input) -> Node { return std::make_shared<op::Subtract>(Real(input), Scalar(-128)); });
  EXPECT_EQ(zero_point, (InputFacts{.quantized = true, .scale = 1, .zero_point = -128}));
  const InputFacts scale =
      FactsOf([](const Node& input) -> Node { return std::make_shared<op::Multiply>(Real(input), Scalar(0.5F)); });
  EXPECT_EQ(scale, (InputFacts{.quantized = true, .scale = 0.5F, .zero_point = 0}));
}

TEST(InputFactsTest, FakeQuantizeBehindATransposition) {
  const InputFacts facts = FactsOf([](const Node& input) -> Node {
    const auto order = op::Constant::create(ov::element::i64, {4}, {0, 3, 1, 2});
    return std::make_shared<op::FakeQuantize>(Real(std::make_shared<op::Transpose>(input, order)), Scalar(-128),
                                              Scalar(127), Scalar(-1), Scalar(127.0F / 128), 256);
  });
  EXPECT_EQ(facts, (InputFacts{.quantized = true, .scale = 1.0F / 128, .zero_point = 0}));
}

TEST(InputFactsTest, NothingIsKnownOfOtherGraphs) {
  EXPECT_EQ(FactsOf([](const Node& input) -> Node { return std::make_shared<op::Relu>(Real(input)); }), InputFacts());
  EXPECT_EQ(FactsOf([](const Node& input) -> Node { return std::make_shared<op::Multiply>(Real(input), Scalar(0)); }),
            InputFacts());
  EXPECT_EQ(FactsOf([](const Node& input) -> Node { return std::make_shared<op::Add>(Real(input), Real(input)); }),
            InputFacts())
      << "two users";
}

}  // namespace
}  // namespace accelerd::openvino
