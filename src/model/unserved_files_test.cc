#include "model/unserved_files.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class UnservedFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "unserved_files_test.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Touch(const std::string& name) {
    const std::filesystem::path path = directory_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  }

  std::vector<std::string> Unserved() { return UnservedFiles(directory_, *DiscoverModels(directory_)); }

  std::string directory_;
};

TEST_F(UnservedFilesTest, WhatIsServedIsNotNamed) {
  for (const char* name : {"a.xml", "a.bin", "b.onnx", "b.toml", "b.txt", "NET.ONNX", "optimum/openvino_model.xml",
                           "optimum/openvino_model.bin", "hub/model.onnx", "y_openvino_model/best.xml",
                           "y_openvino_model/best.bin", "y_openvino_model/metadata.yaml", "b/b.onnx", ".hidden.pt"}) {
    Touch(name);
  }
  EXPECT_THAT(Unserved(), IsEmpty());
  EXPECT_THAT(
      *DiscoverModels(directory_),
      ElementsAre(Field(&FoundModel::name, "NET"), Field(&FoundModel::name, "a"), Field(&FoundModel::name, "b"),
                  Field(&FoundModel::name, "hub"), Field(&FoundModel::name, "optimum"), Field(&FoundModel::name, "y")));
}

TEST_F(UnservedFilesTest, EachOtherThingIsNamedWithWhatToDo) {
  for (const char* name :
       {"yolov8n.pt", "net.h5", "frozen_inference_graph.pb", "saved/saved_model.pb", "saved/variables/variables.index",
        "intel/facenet/FP16/facenet.xml", "intel/facenet/FP16/facenet.bin", "resnet/1/model.xml", "resnet/1/model.bin",
        "x.oNNX", "lonely.bin", "trt.engine", "voc/annotation.xml", "sub/one.tflite", "sub/two.tflite",
        "core.mlpackage/Manifest.json"}) {
    Touch(name);
  }
  EXPECT_THAT(
      Unserved(),
      ElementsAre(
          HasSubstr("core.mlpackage is not served: it is a Core ML model"),
          HasSubstr("frozen_inference_graph.pb is not served: it is a TensorFlow graph"),
          AllOf(HasSubstr("intel/facenet/FP16 is not served: it is a folder that is not looked into, with facenet.xml"),
                HasSubstr("/facenet")),
          HasSubstr("lonely.bin is not served: it is weights, and the lonely.xml"),
          HasSubstr("net.h5 is not served: it is a Keras model"),
          AllOf(HasSubstr("resnet/1 is not served: it is a folder of a version, with model.xml"),
                HasSubstr("/resnet as resnet.xml")),
          HasSubstr("saved is not served: it is a TensorFlow SavedModel"),
          HasSubstr("sub is not served: it is a folder that is not looked into, with one.tflite and 1 more"),
          HasSubstr("trt.engine is not served: it is compiled for NVIDIA TensorRT"),
          HasSubstr("yolov8n.pt is not served: it is a PyTorch model: export it to ONNX"),
          HasSubstr("x.oNNX is not served: it is of no name that is served: rename it to x.onnx")));
}

TEST_F(UnservedFilesTest, IsBounded) {
  for (int i = 0; i < 60; ++i) {
    Touch(std::to_string(i) + ".pt");
  }
  Touch("a/b/c/d/e/deep.pt");
  const std::vector<std::string> unserved = Unserved();
  EXPECT_THAT(unserved, SizeIs(51));
  EXPECT_THAT(unserved.back(), HasSubstr("10 more things"));
  std::filesystem::create_directory_symlink(".", directory_ + "/loop");
  EXPECT_THAT(Unserved(), Contains(HasSubstr("more things")));
  EXPECT_THAT(UnservedFiles(directory_ + "/absent", {}), IsEmpty());
}

}  // namespace
}  // namespace accelerd
