#include "backend/openvino/signature.h"

#include "backend/openvino/tensors.h"
#include "backend/openvino/test_models.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openvino/opsets/opset8.hpp"

namespace accelerd::openvino {
namespace {

namespace op = ov::opset8;
using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Signature> SignatureOf(ov::element::Type type, const ov::PartialShape& shape) {
  const auto input = std::make_shared<op::Parameter>(type, shape);
  input->set_friendly_name("image");
  return ReadSignature(ov::Model(ov::OutputVector{input}, ov::ParameterVector{input}));
}

TEST(Signature, NamesTypesShapesLayouts) {
  const Signature signature = *ReadSignature(*PictureModel());
  ASSERT_EQ(signature.inputs.size(), 1);
  EXPECT_EQ(signature.inputs[0].name, "x");
  EXPECT_EQ(signature.inputs[0].element_type, ElementType::kU8);
  EXPECT_THAT(signature.inputs[0].shape, ElementsAre(1, 4, 4, 3));
  EXPECT_EQ(signature.inputs[0].layout, "NHWC");
  ASSERT_EQ(signature.outputs.size(), 2);
  EXPECT_EQ(signature.outputs[0].name, "mean");
  EXPECT_EQ(signature.outputs[0].layout, "");
  EXPECT_EQ(signature.outputs[1].name, "inverted");
  EXPECT_EQ(signature.outputs[1].element_type, ElementType::kU8);
}

TEST(Signature, WithoutTensorNamesTheNodesAre) {
  const Signature signature = *SignatureOf(ov::element::f16, {-1, ov::Dimension(1, 8)});
  EXPECT_EQ(signature.inputs[0].name, "image");
  EXPECT_EQ(signature.outputs[0].name, "image");
  EXPECT_THAT(signature.inputs[0].shape, ElementsAre(-1, -1));
}

TEST(Signature, IncompleteLayoutsDoNotCount) {
  const auto input = std::make_shared<op::Parameter>(ov::element::f32, ov::PartialShape{1, 2, 3});
  input->set_layout("N...");
  EXPECT_EQ(ReadSignature(ov::Model(ov::OutputVector{input}, ov::ParameterVector{input}))->inputs[0].layout, "");
  input->set_layout("N?C");
  EXPECT_EQ(ReadSignature(ov::Model(ov::OutputVector{input}, ov::ParameterVector{input}))->inputs[0].layout, "");
}

TEST(Signature, RefusesWhatCannotBeServed) {
  EXPECT_THAT(Message(SignatureOf(ov::element::string, {1}).status()), HasSubstr("type string are not supported"));
  EXPECT_THAT(Message(SignatureOf(ov::element::u4, {2}).status()), HasSubstr("type u4 are not supported"));
  EXPECT_THAT(Message(SignatureOf(ov::element::f32, ov::PartialShape::dynamic()).status()),
              HasSubstr("no fixed number of dimensions"));
  EXPECT_THAT(Message(SignatureOf(ov::element::f32, {1, 3, 100000, 100000}).status()),
              HasSubstr("larger than the limit"));
  EXPECT_THAT(Message(SignatureOf(ov::element::f32, {4000000000, 4000000000, 4000000000}).status()),
              HasSubstr("larger than the limit"));
}

TEST(ElementTypes, GoBothWays) {
  for (int i = 0; i <= static_cast<int>(ElementType::kF64); ++i) {
    const auto type = static_cast<ElementType>(i);
    EXPECT_EQ(*FromOpenvino(ToOpenvino(type)), type);
    EXPECT_EQ(ToOpenvino(type).get_type_name(), ElementName(type));
    EXPECT_EQ(ToOpenvino(type).size(), ElementSize(type));
  }
}

}  // namespace
}  // namespace accelerd::openvino
