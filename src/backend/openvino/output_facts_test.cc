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

/// A graph with one input f32 [1,8,8,4].
class ImageFactsTest : public testing::Test {
 protected:
  static Node Integers(const std::vector<std::int64_t>& values) {
    return op::Constant::create(ov::element::i64, {values.size()}, values);
  }

  static Node Transpose(const Node& from, const std::vector<std::int64_t>& order) {
    return std::make_shared<op::Transpose>(from, Integers(order));
  }

  /// [1,5,8,8].
  Node Convolution() const {
    const auto filters = op::Constant::create(ov::element::f32, {5, 4, 1, 1}, std::vector<float>(20, 0.5F));
    return std::make_shared<op::Convolution>(Transpose(input_, {0, 3, 1, 2}), filters, ov::Strides{1, 1},
                                             ov::CoordinateDiff{0, 0}, ov::CoordinateDiff{0, 0}, ov::Strides{1, 1});
  }

  static Node Scalar(float value) { return op::Constant::create(ov::element::f32, ov::Shape{}, {value}); }

  static Node Interpolate(const Node& from, const std::vector<std::int64_t>& axes) {
    op::Interpolate::InterpolateAttrs attributes;
    attributes.mode = op::Interpolate::InterpolateMode::LINEAR_ONNX;
    attributes.shape_calculation_mode = op::Interpolate::ShapeCalcMode::SIZES;
    return std::make_shared<op::Interpolate>(from, Integers({16, 16}),
                                             op::Constant::create(ov::element::f32, {2}, {2.0F, 2.0F}), Integers(axes),
                                             attributes);
  }

  OutputFacts FactsOf(const ov::Output<ov::Node>& output) const {
    return ReadOutputFacts(ov::Model(ov::OutputVector{output}, ov::ParameterVector{input_})).at(0);
  }

  const std::shared_ptr<op::Parameter> input_ =
      std::make_shared<op::Parameter>(ov::element::f32, ov::PartialShape{1, 8, 8, 4});
};

TEST_F(ImageFactsTest, ClassesAreTheChannelsOfTheConvolution) {
  EXPECT_EQ(FactsOf(Convolution()).class_axis, 1);
  const Node packed = Transpose(Convolution(), {0, 2, 3, 1});
  EXPECT_EQ(FactsOf(packed).class_axis, 3);
  EXPECT_EQ(FactsOf(Transpose(packed, {0, 3, 2, 1})).class_axis, 1);
  const Node added = std::make_shared<op::Add>(Scalar(1), std::make_shared<op::Relu>(packed));
  EXPECT_EQ(FactsOf(Interpolate(added, {1, 2})).class_axis, 3);
  EXPECT_FALSE(FactsOf(added).mixed);
}

TEST_F(ImageFactsTest, ClassesAreWhereTheSoftmaxOrTheInterpolationSaysSo) {
  EXPECT_EQ(FactsOf(input_).class_axis, -1);
  EXPECT_EQ(FactsOf(std::make_shared<op::Softmax>(input_, 3)).class_axis, 3);
  EXPECT_EQ(FactsOf(Interpolate(input_, {1, 2})).class_axis, 3);
  EXPECT_EQ(FactsOf(Interpolate(input_, {2, 3})).class_axis, 1);
  const Node reshaped = std::make_shared<op::Reshape>(Convolution(), Integers({1, 8, 8, 5}), false);
  EXPECT_EQ(FactsOf(reshaped).class_axis, -1) << "a reshape may move everything";
}

TEST_F(ImageFactsTest, PartsOfSeveralKindsAreMixed) {
  const Node sigmoid = std::make_shared<op::Sigmoid>(Convolution());
  const OutputFacts grid = FactsOf(std::make_shared<op::Concat>(ov::OutputVector{sigmoid, Convolution()}, 1));
  EXPECT_EQ(grid.class_axis, 1);
  EXPECT_TRUE(grid.mixed);
  const OutputFacts rows = FactsOf(std::make_shared<op::Concat>(ov::OutputVector{sigmoid, Convolution()}, 2));
  EXPECT_EQ(rows.class_axis, 1);
  EXPECT_FALSE(rows.mixed) << "parts of the picture are put together, not parts of the classes";
}

TEST_F(ImageFactsTest, ChosenClassesAreNoScores) {
  const auto best = std::make_shared<op::TopK>(Convolution(), op::Constant::create(ov::element::i64, {}, {1}), 1,
                                               op::TopK::Mode::MAX, op::TopK::SortType::NONE);
  const Node indices =
      std::make_shared<op::Convert>(std::make_shared<op::Squeeze>(best->output(1), Integers({1})), ov::element::f32);
  EXPECT_TRUE(FactsOf(indices).class_ids);
  EXPECT_FALSE(FactsOf(best->output(0)).class_ids) << "these are the scores of the best";
  const Node over = std::make_shared<op::Greater>(Convolution(), Scalar(0.5F));
  EXPECT_TRUE(FactsOf(std::make_shared<op::Convert>(over, ov::element::u8)).class_ids);
  EXPECT_FALSE(FactsOf(Convolution()).class_ids);
}

TEST_F(ImageFactsTest, ProbabilitiesThroughInterpolationAndSelection) {
  const Node sigmoid = std::make_shared<op::Sigmoid>(Convolution());
  EXPECT_TRUE(FactsOf(Interpolate(sigmoid, {2, 3})).probabilities);
  const Node first =
      std::make_shared<op::Gather>(sigmoid, Integers({0}), op::Constant::create(ov::element::i64, {}, {1}));
  EXPECT_TRUE(FactsOf(first).probabilities);
  EXPECT_TRUE(FactsOf(std::make_shared<op::Clamp>(Convolution(), 0, 1)).probabilities);
  EXPECT_FALSE(FactsOf(std::make_shared<op::Clamp>(Convolution(), 0, 6)).probabilities);
  EXPECT_FALSE(FactsOf(Convolution()).probabilities);
}

TEST_F(ImageFactsTest, RowsOfADetectionOutput) {
  op::DetectionOutput::Attributes attributes;
  attributes.background_label_id = 0;
  attributes.keep_top_k = {5};
  attributes.nms_threshold = 0.5F;
  attributes.code_type = "caffe.PriorBoxParameter.CENTER_SIZE";
  attributes.normalized = true;
  const auto flat = [](std::size_t size) {
    return op::Constant::create(ov::element::f32, {1, size}, std::vector<float>(size, 0.5F));
  };
  const auto priors = op::Constant::create(ov::element::f32, {1, 2, 16}, std::vector<float>(32, 0.5F));
  const Node rows = std::make_shared<op::DetectionOutput>(flat(16), flat(8), priors, attributes);
  EXPECT_TRUE(FactsOf(rows).ssd_rows);
  EXPECT_TRUE(FactsOf(std::make_shared<op::Squeeze>(rows, Integers({0}))).ssd_rows);
  EXPECT_FALSE(FactsOf(Convolution()).ssd_rows);
}

}  // namespace
}  // namespace accelerd::openvino
