#include "backend/openvino/model_reader.h"

#include <fstream>
#include <iterator>
#include <tuple>
#include <utility>
#include <vector>

#include "backend/openvino/test_models.h"
#include "backend/openvino/test_onnx.h"
#include "backend/test_directory.h"
#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openvino/op/constant.hpp"

namespace accelerd::openvino {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

void Spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The bytes of the model's constants.
std::vector<std::string> ConstantsOf(const ov::Model& model) {
  std::vector<std::string> constants;
  for (const auto& node : model.get_ordered_ops()) {
    if (const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node)) {
      constants.emplace_back(static_cast<const char*>(constant->get_data_ptr()), constant->get_byte_size());
    }
  }
  return constants;
}

class ModelReaderTest : public testing::Test {
 protected:
  void ExpectBroken(const ModelFiles& files, const std::string& message) {
    const absl::Status status = ReadModelFiles(files).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(Message(status), HasSubstr(message));
  }

  ModelFiles Garbage(const std::string& name, ModelFormat format) {
    Spill(directory_ / name, "garbage");
    return {directory_ / name, format, ""};
  }

  const TestDirectory directory_;
};

TEST_F(ModelReaderTest, TheHashCoversEveryFile) {
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  const absl::StatusOr<ReadModel> first = ReadModelFiles(files);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(first->files, ElementsAre(directory_ / "add.xml", directory_ / "add.bin"));
  EXPECT_EQ(ReadModelFiles(files)->content_hash, first->content_hash);

  std::string weights = Slurp(directory_ / "add.bin");
  weights[0] = static_cast<char>(weights[0] ^ 1);
  Spill(directory_ / "add.bin", weights);
  EXPECT_NE(ReadModelFiles(files)->content_hash, first->content_hash);
}

TEST_F(ModelReaderTest, BrokenIrIsRefused) {
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  const std::string text = Slurp(files.main);
  const std::string weights = Slurp(directory_ / "add.bin");
  for (std::size_t length = 0; length < weights.size(); ++length) {
    Spill(directory_ / "add.bin", weights.substr(0, length));
    ExpectBroken(files, "cannot read the model " + files.main);
  }
  fs::remove(directory_ / "add.bin");
  ExpectBroken(files, "add.bin is missing");
  Spill(directory_ / "add.bin", weights);
  for (std::size_t length = 0; length + 10 < text.size(); length += 50) {
    Spill(files.main, text.substr(0, length));
    ExpectBroken(files, "cannot read the model");
  }
}

TEST_F(ModelReaderTest, AHalfCopiedBinIsNamedWithBothSizes) {
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  const std::string weights = Slurp(directory_ / "add.bin");
  Spill(directory_ / "add.bin", weights.substr(0, 2));
  ExpectBroken(files,
               fmt::format("{} has 2 bytes, and {} asks for {}", directory_ / "add.bin", files.main, weights.size()));
  fs::remove(directory_ / "add.bin");
  ExpectBroken(files, fmt::format("{} is missing; it must have {} bytes", directory_ / "add.bin", weights.size()));
}

TEST_F(ModelReaderTest, AnOldIrIsNamed) {
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  const std::string text = Slurp(files.main);
  const std::size_t version = text.find("version=\"11\"");
  ASSERT_NE(version, std::string::npos);
  for (const auto& [number, message] : std::vector<std::pair<std::string, std::string>>{
           {"6", "it is an OpenVINO IR of version 6 (2018-2019); versions 10 and 11 are read"},
           {"2", "it is an OpenVINO IR of version 2 (2017-2018)"},
           {"7", "it is an OpenVINO IR of version 7 (2019-2020)"},
           {"99", "it is an OpenVINO IR of version 99; this build reads versions 10 and 11"}}) {
    std::string other = text;
    other.replace(version, 12, "version=\"" + number + "\"");
    Spill(files.main, other);
    ExpectBroken(files, message);
  }
}

TEST_F(ModelReaderTest, AGitLfsPointerIsNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n";
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  Spill(directory_ / "add.bin", pointer);
  ExpectBroken(files, (directory_ / "add.bin") + " is a Git LFS pointer");
  Spill(files.main, pointer);
  ExpectBroken(files, files.main + " is a Git LFS pointer");
  for (const auto& [name, format] : {std::pair("a.onnx", ModelFormat::kOnnx), {"a.tflite", ModelFormat::kTflite}}) {
    Spill(directory_ / name, pointer);
    ExpectBroken({directory_ / name, format, ""}, (directory_ / name) + " is a Git LFS pointer");
  }
  Spill(directory_ / "ext.onnx", OnnxAddModel("w.data"));
  Spill(directory_ / "w.data", pointer);
  ExpectBroken({directory_ / "ext.onnx", ModelFormat::kOnnx, ""}, "w.data is a Git LFS pointer");
}

// A compiled model is written with as many tabs before an element as it is deep: 2 MB became 7.5 GB.
TEST_F(ModelReaderTest, ADeepRtInfoIsRefused) {
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  std::string text = Slurp(files.main);
  std::string deep;
  for (int i = 0; i < 300'000; ++i) {
    deep += "<a>";
  }
  for (int i = 0; i < 300'000; ++i) {
    deep += "</a>";
  }
  text.insert(text.find("</net>"), "<rt_info>" + deep + "</rt_info>");
  Spill(files.main, text);
  ExpectBroken(files, "its rt_info is nested too deeply; the limit is 16");
}

TEST_F(ModelReaderTest, GarbageIsRefused) {
  ExpectBroken(Garbage("a.xml", ModelFormat::kOpenvinoIr), "a.xml: it is not an OpenVINO IR");
  ExpectBroken(Garbage("a.onnx", ModelFormat::kOnnx), "a.onnx");
  ExpectBroken(Garbage("a.tflite", ModelFormat::kTflite), "a.tflite: it is not a TFLite model");
  Spill(directory_ / "a.onnx", "");
  ExpectBroken({directory_ / "a.onnx", ModelFormat::kOnnx, ""}, "a.onnx");
}

TEST_F(ModelReaderTest, OnnxExternalDataIsPartOfTheModel) {
  const ModelFiles files = {directory_ / "add.onnx", ModelFormat::kOnnx, ""};
  Spill(files.main, OnnxAddModel("weights/add.data"));
  EXPECT_EQ(ReadModelFiles(files).status().code(), absl::StatusCode::kNotFound);

  fs::create_directory(directory_ / "weights");
  Spill(directory_ / "weights/add.data", std::string(16, '\x3f'));
  const absl::StatusOr<ReadModel> read = ReadModelFiles(files);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->files, ElementsAre(files.main, directory_ / "weights/add.data"));
  EXPECT_EQ(read->model->inputs().size(), 1);
  EXPECT_THAT(ConstantsOf(*read->model), ElementsAre(std::string(16, '\x3f')));

  Spill(directory_ / "weights/add.data", std::string(16, '\x40'));
  EXPECT_NE(ReadModelFiles(files)->content_hash, read->content_hash);
  Spill(directory_ / "weights/add.data", std::string(3, '\x40'));
  ExpectBroken(files, "cannot read the model");
  Spill(files.main, OnnxAddModel("../add.data"));
  ExpectBroken(files, "external data must lie in the model's folder");
}

TEST_F(ModelReaderTest, SideFilesStayBesideTheModel) {
  const ModelFiles files = WriteIr(AddModel(1), directory_.path(), "add");
  fs::create_directory(directory_ / "models");
  const ModelFiles linked = {directory_ / "models/add.xml", ModelFormat::kOpenvinoIr, ""};
  fs::copy(files.main, linked.main);
  fs::create_symlink(directory_ / "add.bin", directory_ / "models/add.bin");
  EXPECT_EQ(ReadModelFiles(linked).status().code(), absl::StatusCode::kPermissionDenied);
  // Both lie elsewhere, side by side.
  fs::remove(linked.main);
  fs::create_symlink(files.main, linked.main);
  const absl::StatusOr<ReadModel> read = ReadModelFiles(linked);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->files, ElementsAre(linked.main, directory_ / "models/add.bin"));
  // Within the folder.
  fs::copy(files.main, directory_ / "models/other.xml");
  fs::copy(directory_ / "add.bin", directory_ / "models/weights");
  fs::create_symlink("weights", directory_ / "models/other.bin");
  EXPECT_TRUE(ReadModelFiles({directory_ / "models/other.xml", ModelFormat::kOpenvinoIr, ""}).ok());
}

TEST_F(ModelReaderTest, ExternalDataStaysBesideTheModel) {
  fs::create_directory(directory_ / "models");
  Spill(directory_ / "secret", std::string(16, '\x3f'));
  Spill(directory_ / "models/add.onnx", OnnxAddModel("add.data"));
  fs::create_symlink("../secret", directory_ / "models/add.data");
  const absl::Status status = ReadModelFiles({directory_ / "models/add.onnx", ModelFormat::kOnnx, ""}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(Message(status), HasSubstr("add.data leads out of its folder"));
}

TEST_F(ModelReaderTest, AFileThatIsCalledAsAnAddressIsAFile) {
  const ModelFiles files = {directory_ / "add.onnx", ModelFormat::kOnnx, ""};
  Spill(files.main, OnnxAddModel("*/_ORT_MEM_ADDR_/*"));
  fs::create_directories(directory_ / "*/_ORT_MEM_ADDR_");
  Spill(directory_ / "*/_ORT_MEM_ADDR_/*", std::string(16, '\x3f'));
  const absl::StatusOr<ReadModel> read = ReadModelFiles(files);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(ConstantsOf(*read->model), ElementsAre(std::string(16, '\x3f')));
}

TEST_F(ModelReaderTest, NothingIsReadOutsideTheRoot) {
  const std::string root = fs::canonical(directory_.path()) / "root";
  fs::create_directories(root + "/models");
  WriteIr(AddModel(1), directory_.path(), "add");
  Spill(directory_ / "add.onnx", OnnxAddModel("add.data"));
  Spill(directory_ / "add.data", std::string(16, '\x3f'));
  Spill(directory_ / "add.tflite", "none");
  for (const auto& [name, side, format] : {std::tuple("add.xml", "add.bin", ModelFormat::kOpenvinoIr),
                                           {"add.onnx", "add.data", ModelFormat::kOnnx},
                                           {"add.tflite", "", ModelFormat::kTflite}}) {
    const ModelFiles free = {root + "/models/" + name, format, ""};
    const ModelFiles confined = {free.main, format, "", root};
    std::vector<std::string> names = {name};
    if (*side != '\0') {
      names.emplace_back(side);
    }
    const auto link = [&](const fs::path& target) {
      for (const std::string& file : names) {
        const fs::path place = fs::path(root) / "models" / file;
        fs::remove(place);
        fs::create_symlink(target / file, place);
      }
    };
    // Both files lie side by side in another folder.
    link("../..");
    EXPECT_EQ(ReadModelFiles(confined).status().code(), absl::StatusCode::kPermissionDenied) << name;
    EXPECT_NE(ReadModelFiles(free).status().code(), absl::StatusCode::kPermissionDenied) << name;
    fs::create_directories(root + "/elsewhere");
    for (const std::string& file : names) {
      fs::copy(fs::path(directory_.path()) / file, root + "/elsewhere", fs::copy_options::overwrite_existing);
    }
    link("../elsewhere");
    EXPECT_NE(ReadModelFiles(confined).status().code(), absl::StatusCode::kPermissionDenied) << name;
    // The folder itself.
    fs::rename(root + "/models", root + "/was");
    fs::create_symlink(directory_.path(), root + "/models");
    EXPECT_EQ(ReadModelFiles(confined).status().code(), absl::StatusCode::kPermissionDenied) << name;
    EXPECT_NE(ReadModelFiles(free).status().code(), absl::StatusCode::kPermissionDenied) << name;
    fs::remove(root + "/models");
    fs::rename(root + "/was", root + "/models");
  }
}

TEST_F(ModelReaderTest, LargeFilesAreJudgedByTheirBeginning) {
  for (const auto& [name, format] : {std::pair("a.xml", ModelFormat::kOpenvinoIr),
                                     {"a.onnx", ModelFormat::kOnnx},
                                     {"a.tflite", ModelFormat::kTflite}}) {
    const std::string path = directory_ / name;
    Spill(path, "");
    fs::resize_file(path, std::uint64_t{200} << 20U);
    ExpectBroken({path, format, ""}, "it is not a");
    fs::resize_file(path, std::uint64_t{3} << 30U);
    ExpectBroken({path, format, ""}, "the limit is");
  }
}

TEST_F(ModelReaderTest, MissingFilesAreNotFound) {
  for (const ModelFormat format : {ModelFormat::kOpenvinoIr, ModelFormat::kOnnx, ModelFormat::kTflite}) {
    EXPECT_EQ(ReadModelFiles({directory_ / "absent.x", format, ""}).status().code(), absl::StatusCode::kNotFound);
  }
  fs::create_directory(directory_ / "folder.xml");
  ExpectBroken({directory_ / "folder.xml", ModelFormat::kOpenvinoIr, ""}, "not a regular file");
}

}  // namespace
}  // namespace accelerd::openvino
