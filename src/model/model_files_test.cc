#include "model/model_files.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_status.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class ModelFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "model_files_test.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  void Touch(const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name)) << "x";
  }

  std::string directory_;
};

TEST_F(ModelFilesTest, FindsEachFormat) {
  Touch("a.xml");
  Touch("b.onnx");
  Touch("c.tflite");
  EXPECT_EQ(FindModel(directory_, "a")->files, (ModelFiles{Path("a.xml"), ModelFormat::kOpenvinoIr, Path("a.toml")}));
  EXPECT_EQ(FindModel(directory_, "b")->files.format, ModelFormat::kOnnx);
  EXPECT_EQ(FindModel(directory_, "c")->files.format, ModelFormat::kTflite);
}

TEST_F(ModelFilesTest, KeepsToTheRoot) {
  const std::string root = std::filesystem::canonical(directory_) / "root";
  Touch("secret.xml");
  Touch("export/one.xml");
  Touch("export/two.xml");
  Touch("root/inside.xml");
  std::filesystem::create_symlink("../secret.xml", root + "/there.xml");
  std::filesystem::create_symlink("../absent.xml", root + "/absent.xml");
  std::filesystem::create_symlink("inside.xml", root + "/link.xml");
  std::filesystem::create_symlink("../export", root + "/net_openvino_model");
  EXPECT_EQ(FindModel(root, "link", root)->files.root, root);
  // What is outside is not told.
  EXPECT_EQ(FindModel(root, "there", root)->files.main, root + "/there.xml");
  EXPECT_EQ(FindModel(root, "absent", root)->files.main, root + "/absent.xml");
  EXPECT_EQ(FindModel(root, "net", root)->files.main, root + "/net_openvino_model/net.xml");
  EXPECT_EQ(FindModel(root, "none", root).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindModel(root, "net").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ModelFilesTest, WarnsOfWhatIsPassedOver) {
  Touch("a.tflite");
  Touch("a.onnx");
  Touch("a/a.xml");
  const absl::StatusOr<FoundModel> found = FindModel(directory_, "a");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->files.main, Path("a.onnx"));
  EXPECT_THAT(found->warnings, ElementsAre(HasSubstr("a.tflite is not used"), HasSubstr("a/a.xml is not used")));
}

TEST_F(ModelFilesTest, FindsFolders) {
  Touch("yolov8n_openvino_model/yolov8n.xml");
  Touch("net/net.onnx");
  EXPECT_EQ(FindModel(directory_, "yolov8n")->files,
            (ModelFiles{Path("yolov8n_openvino_model/yolov8n.xml"), ModelFormat::kOpenvinoIr,
                        Path("yolov8n_openvino_model/yolov8n.toml")}));
  EXPECT_EQ(FindModel(directory_, "net")->files.main, Path("net/net.onnx"));
}

TEST_F(ModelFilesTest, FindsTheOnlyModelOfARenamedExport) {
  Touch("other_openvino_model/best.xml");
  Touch("other_openvino_model/best.bin");
  Touch("other_openvino_model/metadata.yaml");
  EXPECT_EQ(FindModel(directory_, "other")->files,
            (ModelFiles{Path("other_openvino_model/best.xml"), ModelFormat::kOpenvinoIr,
                        Path("other_openvino_model/best.toml")}));
  EXPECT_THAT(*DiscoverModels(directory_), ElementsAre(Field(&FoundModel::name, "other")));
  Touch("other_openvino_model/last.xml");
  EXPECT_EQ(FindModel(directory_, "other").status().code(), absl::StatusCode::kFailedPrecondition);
  testing::internal::CaptureStderr();
  EXPECT_THAT(*DiscoverModels(directory_), IsEmpty());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("other_openvino_model holds 2 model files and none is called other"));
  Touch("other_openvino_model/other.onnx");
  EXPECT_EQ(FindModel(directory_, "other")->files.main, Path("other_openvino_model/other.onnx"));
}

TEST_F(ModelFilesTest, NotFoundSaysWhatWasLookedFor) {
  std::filesystem::create_directories(Path("a.xml"));
  const absl::Status status = FindModel(directory_, "a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(status), HasSubstr("a.xml, a.onnx and a.tflite"));
  EXPECT_EQ(FindModel(directory_, "../a").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ModelFilesTest, DiscoversAllSortedByName) {
  Touch("zebra.xml");
  Touch("zebra.bin");
  Touch("yolo_openvino_model/yolo.xml");
  Touch("odd_openvino_model/odd_openvino_model.xml");
  Touch("both.onnx");
  Touch("both.xml");
  Touch("readme.md");
  Touch(".hidden.xml");
  Touch("empty/readme.md");
  const auto models = DiscoverModels(directory_);
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_THAT(*models, ElementsAre(Field(&FoundModel::name, "both"), Field(&FoundModel::name, "odd_openvino_model"),
                                   Field(&FoundModel::name, "yolo"), Field(&FoundModel::name, "zebra")));
  EXPECT_THAT(models->at(0).warnings, ElementsAre(HasSubstr("both.onnx")));
  EXPECT_THAT(models->at(3).warnings, IsEmpty());
}

TEST_F(ModelFilesTest, AnUnreadableFolderIsAnError) {
  EXPECT_EQ(DiscoverModels(Path("absent")).status().code(), absl::StatusCode::kNotFound);
}

TEST(ModelName, Rules) {
  for (const std::string& good :
       {std::string("a"), std::string("yolov8n-seg v2.1"), std::string(255, 'x'), std::string("Kätzchen")}) {
    EXPECT_TRUE(ValidateModelName(good).ok()) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("a/b"), std::string(".."), std::string(".a"), std::string("a\nb"),
        std::string("a\0b", 3), std::string(256, 'x'), std::string("\x7f")}) {
    EXPECT_EQ(ValidateModelName(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ModelStateName, Names) {
  EXPECT_EQ(ModelStateName(ModelState::kReady), "READY");
  EXPECT_EQ(ModelStateName(ModelState::kUnavailable), "UNAVAILABLE");
}

}  // namespace
}  // namespace accelerd
