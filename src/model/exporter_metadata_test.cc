#include "model/exporter_metadata.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ModelInfoSection, StatesPreprocessingAndLabels) {
  const ReadMetadata read = ReadModelInfoSection({{"labels", "red blue green"},
                                                  {"mean_values", "123.675 116.28 103.53"},
                                                  {"scale_values", "255"},
                                                  {"reverse_input_channels", "YES"},
                                                  {"confidence_threshold", "0.3"},
                                                  {"iou_threshold", "0.7"},
                                                  {"model_type", "YOLO"},
                                                  {"pad_value", "114"}});
  EXPECT_THAT(read.warnings, IsEmpty());
  EXPECT_THAT(read.metadata.labels->value, ElementsAre("red", "blue", "green"));
  EXPECT_EQ(read.metadata.labels->from, Origin::kModelInfo);
  EXPECT_THAT(read.metadata.mean->value, ElementsAre(123.675F, 116.28F, 103.53F));
  EXPECT_THAT(read.metadata.scale->value, ElementsAre(255));
  EXPECT_EQ(read.metadata.color_order->value, ColorOrder::kRgb);
  EXPECT_EQ(read.metadata.score_threshold->value, 0.3F);
  EXPECT_EQ(read.metadata.iou_threshold->value, 0.7F);
  EXPECT_FALSE(read.metadata.task) << "YOLO names a decoder";
  EXPECT_EQ(read.metadata.properties.at("pad_value").value, "114");
}

TEST(ModelInfoSection, EmbeddedPreprocessingIsNotAppliedAgain) {
  for (const char* yes : {"True", "YES", "1"}) {
    const ReadMetadata read = ReadModelInfoSection({{"embedded_processing", yes},
                                                    {"labels", "a b"},
                                                    {"mean_values", "1"},
                                                    {"scale_values", "255"},
                                                    {"reverse_input_channels", "True"}});
    EXPECT_FALSE(read.metadata.mean || read.metadata.scale || read.metadata.color_order);
    EXPECT_TRUE(read.metadata.labels);
  }
  EXPECT_TRUE(ReadModelInfoSection({{"embedded_processing", "False"}, {"scale_values", "255"}}).metadata.scale);
}

TEST(ModelInfoSection, OtherSpellings) {
  const ReadMetadata read = ReadModelInfoSection({{"labels", "['traffic light', 'car']"},
                                                  {"mean_values", "[1.5,2.5,3.5]"},
                                                  {"scale_values", ""},
                                                  {"reverse_input_channels", "False"},
                                                  {"task_type", "DETECTION"}});
  EXPECT_THAT(read.metadata.labels->value, ElementsAre("traffic light", "car"));
  EXPECT_THAT(read.metadata.mean->value, ElementsAre(1.5F, 2.5F, 3.5F));
  EXPECT_FALSE(read.metadata.scale);
  EXPECT_EQ(read.metadata.color_order->value, ColorOrder::kBgr);
  EXPECT_EQ(read.metadata.task->value, "detect");
  EXPECT_EQ(ReadModelInfoSection({{"model_type", "Segmentation"}}).metadata.task->value, "segment");
}

TEST(ModelInfoSection, WhatMakesNoSenseIsLeftOutWithAWarning) {
  for (const auto& [name, text] : std::map<std::string, std::string>{{"mean_values", "a b"},
                                                                     {"scale_values", "1 0 1"},
                                                                     {"confidence_threshold", "7"},
                                                                     {"iou_threshold", "half"},
                                                                     {"labels", std::string(2 << 20, 'x')}}) {
    const ReadMetadata read = ReadModelInfoSection({{name, text}});
    EXPECT_THAT(read.warnings, ElementsAre(HasSubstr("model_info: "))) << name;
    EXPECT_FALSE(read.metadata.mean || read.metadata.scale || read.metadata.score_threshold ||
                 read.metadata.iou_threshold || read.metadata.labels);
  }
}

constexpr const char* kUltralytics = R"(
description: Ultralytics YOLOv8n model trained on coco.yaml
author: Ultralytics
task: detect
stride: 32
imgsz: [480, 640]
names:
  0: person
  1: traffic light
  3: dog
kpt_shape: [17, 3]
args:
  nms: true
)";

TEST(ExporterMetadata, ReadsUltralyticsYaml) {
  const ReadMetadata read = ReadExporterDocument(kUltralytics, Origin::kMetadataYaml);
  EXPECT_THAT(read.warnings, IsEmpty());
  EXPECT_THAT(read.metadata.labels->value, ElementsAre("person", "traffic light", "", "dog"));
  EXPECT_EQ(read.metadata.task->value, "detect");
  EXPECT_THAT(read.metadata.input_size->value, ElementsAre(640, 480));
  EXPECT_THAT(read.metadata.scale->value, ElementsAre(255));
  EXPECT_EQ(read.metadata.color_order->value, ColorOrder::kRgb);
  EXPECT_EQ(read.metadata.properties.at("kpt_shape").value, "[17, 3]");
  EXPECT_EQ(read.metadata.properties.at("args.nms").value, "true");
  EXPECT_EQ(read.metadata.properties.at("stride").from, Origin::kMetadataYaml);
}

TEST(ExporterMetadata, ReadsOnnxProperties) {
  const ReadMetadata read = ReadExporterMetadata(
      {{"names", "{0: 'red', 1: 'blue'}"}, {"task", "segment"}, {"imgsz", "640"}, {"stride", "32"}},
      Origin::kOnnxMetadata);
  EXPECT_THAT(read.metadata.labels->value, ElementsAre("red", "blue"));
  EXPECT_EQ(read.metadata.task->value, "instances");
  EXPECT_THAT(read.metadata.input_size->value, ElementsAre(640, 640));
  EXPECT_FALSE(read.metadata.scale) << "nobody says that it is by Ultralytics";
}

TEST(ExporterMetadata, WhatMakesNoSenseIsLeftOutWithAWarning) {
  for (const char* text : {"names: {zero: red}", "names: {99999999: red}", "names: red", "imgsz: big",
                           "imgsz: [1, 2, 3]", "imgsz: [0, 5]", "a: [", "names: {-1: red}"}) {
    const ReadMetadata read = ReadExporterDocument(text, Origin::kMetadataYaml);
    EXPECT_THAT(read.warnings, ElementsAre(HasSubstr("metadata.yaml"))) << text;
    EXPECT_TRUE(read.metadata.empty()) << text;
  }
}

}  // namespace
}  // namespace accelerd
