#include "model/model_metadata.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ModelMetadata Example() {
  ModelMetadata metadata;
  metadata.color_order = {{ColorOrder::kRgb, Origin::kModelInfo}};
  metadata.mean = {{{127.5F}, Origin::kModelInfo}};
  metadata.scale = {{{255.0F}, Origin::kModelInfo}};
  metadata.labels = {{{"cat", "dog"}, Origin::kModelInfo}};
  metadata.input_size = {{{64, 48}, Origin::kMetadataYaml}};
  return metadata;
}

std::vector<TensorSpec> OneInput(ElementType type, Shape shape) {
  return {{.name = "x", .element_type = type, .shape = std::move(shape), .layout = {}}};
}

TEST(ModelMetadata, FillsWhatTheCardLeavesUnset) {
  const ModelCard filled = WithMetadata({}, Example(), OneInput(ElementType::kF32, {1, 3, -1, -1}));
  EXPECT_EQ(filled.color_order, ColorOrder::kRgb);
  EXPECT_THAT(filled.mean, ElementsAre(127.5F));
  EXPECT_THAT(filled.scale, ElementsAre(255.0F));
  EXPECT_THAT(filled.labels, ElementsAre("cat", "dog"));
  EXPECT_THAT(*filled.input_size, ElementsAre(64, 48));

  ModelCard card;
  card.color_order = ColorOrder::kBgr;
  card.mean = {1};
  card.scale = {2};
  card.labels = {"a"};
  card.input_size = {8, 9};
  const ModelCard kept = WithMetadata(card, Example(), OneInput(ElementType::kF32, {1, 3, -1, -1}));
  EXPECT_EQ(kept.color_order, ColorOrder::kBgr);
  EXPECT_THAT(kept.mean, ElementsAre(1));
  EXPECT_THAT(kept.scale, ElementsAre(2));
  EXPECT_THAT(kept.labels, ElementsAre("a"));
  EXPECT_THAT(*kept.input_size, ElementsAre(8, 9));
}

TEST(ModelMetadata, IsNotAppliedWhereItCannotMeanTheInput) {
  const ModelCard bytes = WithMetadata({}, Example(), OneInput(ElementType::kU8, {1, 3, 8, 8}));
  EXPECT_THAT(bytes.mean, IsEmpty());
  EXPECT_THAT(bytes.scale, IsEmpty());
  EXPECT_FALSE(bytes.input_size) << "the input has a size of its own";
  EXPECT_EQ(bytes.color_order, ColorOrder::kRgb);
  EXPECT_THAT(WithMetadata({}, Example(), OneInput(ElementType::kF32, {1, 10})).mean, IsEmpty());
}

TEST(ModelMetadata, TheFirstFileThatStatesSomethingCounts) {
  ModelMetadata target;
  target.labels = {{{"first"}, Origin::kModelInfo}};
  target.properties["stride"] = {"32", Origin::kModelInfo};
  ModelMetadata other = Example();
  other.properties = {{"stride", {"8", Origin::kMetadataYaml}}, {"end2end", {"true", Origin::kMetadataYaml}}};
  AddMetadata(other, target);
  EXPECT_THAT(target.labels->value, ElementsAre("first"));
  EXPECT_THAT(target.scale->value, ElementsAre(255));
  EXPECT_EQ(target.properties["stride"].value, "32");
  EXPECT_EQ(target.properties["end2end"].value, "true");
}

TEST(ModelMetadata, HasBounds) {
  EXPECT_TRUE(ValidateMetadata(Example()).ok());
  ModelMetadata wrong = Example();
  wrong.scale->value = {1, 0};
  EXPECT_THAT(Message(ValidateMetadata(wrong)), HasSubstr("model_info: the scale"));
  wrong = Example();
  wrong.mean->value = {std::numeric_limits<float>::infinity()};
  EXPECT_FALSE(ValidateMetadata(wrong).ok());
  wrong = Example();
  wrong.labels->value.resize(kMaxMetadataLabels + 1);
  EXPECT_FALSE(ValidateMetadata(wrong).ok());
  wrong = Example();
  wrong.input_size->value = {0, 7};
  EXPECT_FALSE(ValidateMetadata(wrong).ok());
  wrong = Example();
  wrong.score_threshold = {{std::numeric_limits<float>::quiet_NaN(), Origin::kModelInfo}};
  EXPECT_FALSE(ValidateMetadata(wrong).ok());
  wrong = Example();
  wrong.properties["x"] = {std::string(kMaxMetadataBytes, 'x'), Origin::kModelInfo};
  EXPECT_FALSE(ValidateMetadata(wrong).ok());
}

TEST(ModelMetadata, OriginsGoBothWays) {
  for (const Origin origin :
       {Origin::kCard, Origin::kModelInfo, Origin::kMetadataYaml, Origin::kTfliteMetadata, Origin::kOnnxMetadata,
        Origin::kLabelsFile, Origin::kGraph, Origin::kShape, Origin::kDefault}) {
    EXPECT_EQ(*ParseOrigin(OriginName(origin)), origin);
  }
  EXPECT_FALSE(ParseOrigin("hearsay").ok());
}

}  // namespace
}  // namespace accelerd
