#include "backend/openvino/output_facts.h"

#include "gtest/gtest.h"
#include "openvino/opsets/opset8.hpp"

namespace accelerd::openvino {
namespace {

namespace op = ov::opset8;
using Node = std::shared_ptr<ov::Node>;

/// A graph with one input f32 [1,10], and the facts of one output.
class OutputFactsTest : public testing::Test {
 protected:
  static Node Scalar(float value) { return op::Constant::create(ov::element::f32, ov::Shape{}, {value}); }

  Node Softmax() const { return std::make_shared<op::Softmax>(input_, 1); }

  static Node Quantize(const Node& from, float in_low, float in_high, float out_low, float out_high) {
    return std::make_shared<op::FakeQuantize>(from, Scalar(in_low), Scalar(in_high), Scalar(out_low), Scalar(out_high),
                                              256);
  }

  static Node To(const Node& from, ov::element::Type type) { return std::make_shared<op::Convert>(from, type); }

  OutputFacts FactsOf(const Node& output) const {
    return ReadOutputFacts(ov::Model(ov::OutputVector{output}, ov::ParameterVector{input_})).at(0);
  }

  void ExpectProbabilities(const Node& output, float scale, float zero_point = 0) const {
    const OutputFacts facts = FactsOf(output);
    EXPECT_TRUE(facts.probabilities);
    EXPECT_FLOAT_EQ(facts.scale, scale);
    EXPECT_FLOAT_EQ(facts.zero_point, zero_point);
  }

  void ExpectNothingKnown(const Node& output) const {
    const OutputFacts facts = FactsOf(output);
    EXPECT_FALSE(facts.probabilities);
    EXPECT_EQ(facts.scale, 1);
    EXPECT_EQ(facts.zero_point, 0);
  }

  const std::shared_ptr<op::Parameter> input_ =
      std::make_shared<op::Parameter>(ov::element::f32, ov::PartialShape{1, 10});
};

TEST_F(OutputFactsTest, SoftmaxAndSigmoid) {
  ExpectProbabilities(Softmax(), 1);
  ExpectProbabilities(std::make_shared<op::Sigmoid>(input_), 1);
  ExpectNothingKnown(std::make_shared<op::Relu>(input_));
  ExpectNothingKnown(std::make_shared<op::Relu>(Softmax()));
}

TEST_F(OutputFactsTest, QuantisedToBytes) {
  ExpectProbabilities(To(Quantize(Softmax(), 0, 255.0F / 256, 0, 255), ov::element::u8), 1.0F / 256);
  ExpectProbabilities(To(Quantize(Softmax(), 0, 255.0F / 256, -128, 127), ov::element::i8), 1.0F / 256, -128);
}

TEST_F(OutputFactsTest, QuantisedAndBack) {
  const Node bytes = To(Quantize(Softmax(), 0, 255.0F / 256, 0, 255), ov::element::u8);
  ExpectProbabilities(std::make_shared<op::Multiply>(To(bytes, ov::element::f32), Scalar(1.0F / 256)), 1);
  const Node signed_bytes = To(To(Quantize(Softmax(), 0, 255.0F / 256, -128, 127), ov::element::i8), ov::element::f32);
  const Node shifted = std::make_shared<op::Subtract>(signed_bytes, Scalar(-128));
  ExpectProbabilities(std::make_shared<op::Multiply>(Scalar(1.0F / 256), shifted), 1);
}

TEST_F(OutputFactsTest, ThroughShapesAndScaling) {
  const Node pattern = op::Constant::create(ov::element::i64, {3}, {1, 5, 2});
  const Node axis = op::Constant::create(ov::element::i64, {1}, {0});
  const Node order = op::Constant::create(ov::element::i64, {2}, {1, 0});
  Node node = std::make_shared<op::Reshape>(Softmax(), pattern, false);
  node = std::make_shared<op::Squeeze>(node, axis);
  node = std::make_shared<op::Transpose>(node, order);
  node = std::make_shared<op::Unsqueeze>(node, axis);
  ExpectProbabilities(node, 1);
  ExpectProbabilities(std::make_shared<op::Multiply>(node, Scalar(100)), 0.01F);
  ExpectProbabilities(std::make_shared<op::Divide>(node, Scalar(4)), 4);
}

TEST_F(OutputFactsTest, StopsAtWhatIsNotOneFactor) {
  const Node per_class = op::Constant::create(ov::element::f32, {2}, {1, 2});
  const Node pattern = op::Constant::create(ov::element::i64, {2}, {5, 2});
  ExpectNothingKnown(
      std::make_shared<op::Multiply>(std::make_shared<op::Reshape>(Softmax(), pattern, false), per_class));
  ExpectNothingKnown(std::make_shared<op::Multiply>(Softmax(), Scalar(0)));
  ExpectNothingKnown(std::make_shared<op::Multiply>(Softmax(), Softmax()));
  ExpectNothingKnown(Quantize(Softmax(), 0, 0, 0, 255));
}

TEST_F(OutputFactsTest, BytesThatAreNoProbabilitiesHaveAScaleToo) {
  const OutputFacts facts = FactsOf(To(Quantize(input_, 0, 51, 0, 255), ov::element::u8));
  EXPECT_FALSE(facts.probabilities);
  EXPECT_FLOAT_EQ(facts.scale, 0.2F);
  ExpectNothingKnown(std::make_shared<op::Multiply>(input_, Scalar(7)));
  ExpectNothingKnown(To(input_, ov::element::i32));
}

}  // namespace
}  // namespace accelerd::openvino
