#include "backend/openvino/openvino_backend.h"

#include <fstream>
#include <iterator>

#include "backend/conformance.h"
#include "backend/openvino/test_models.h"
#include "backend/openvino/test_onnx.h"
#include "backend/test_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr CompileSettings kF32 = {Precision::kF32};

class OpenvinoBackendTest : public testing::Test {
 protected:
  std::unique_ptr<Backend> Open(const std::string& device, const std::string& cache = "") {
    auto backend = std::make_unique<OpenvinoBackend>(BackendOptions{device, cache}, [](const absl::Status&) {});
    const absl::Status status = backend->Open();
    EXPECT_TRUE(status.ok()) << status;
    return backend;
  }

  static std::unique_ptr<CompiledModel> Compile(Backend& backend, const ModelFiles& files,
                                                const CompileSettings& settings = kF32) {
    absl::StatusOr<std::unique_ptr<CompiledModel>> model = backend.Compile({"model", files, settings});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  ModelFiles WriteAdd(float addend) { return WriteIr(AddModel(addend), directory_.path(), "add"); }

  static std::vector<float> Add(CompiledModel& model) {
    const absl::StatusOr<RunResult> result = Await(StartRun(model, {FloatTensor({1, 4}, {0, 0, 0, 0})}));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? Floats(result->outputs[0]) : std::vector<float>();
  }

  const TestDirectory directory_;
};

TEST_F(OpenvinoBackendTest, RunsPictures) {
  const std::unique_ptr<Backend> backend = Open("CPU");
  const std::unique_ptr<CompiledModel> model = Compile(*backend, WriteIr(PictureModel(), directory_.path(), "picture"));
  EXPECT_EQ(model->info().signature.inputs[0].layout, "NHWC");
  Tensor picture = *Tensor::Allocate(ElementType::kU8, {1, 4, 4, 3});
  for (std::size_t i = 0; i < picture.byte_size(); ++i) {
    picture.elements<std::uint8_t>()[i] = static_cast<std::uint8_t>(10 * (i % 3));
  }
  const absl::StatusOr<RunResult> result = Await(StartRun(*model, {picture}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Floats(result->outputs[0]), ElementsAre(0, 10, 20));
  EXPECT_EQ(result->outputs[1].elements<std::uint8_t>()[47], 235);
}

TEST_F(OpenvinoBackendTest, ChangedFilesChangeNoAnswer) {
  const std::unique_ptr<Backend> backend = Open("CPU");
  const std::unique_ptr<CompiledModel> model = Compile(*backend, WriteAdd(7));
  EXPECT_THAT(Add(*model), Each(7));
  std::fstream(directory_ / "add.bin", std::ios::in | std::ios::out | std::ios::binary) << std::string(16, '\x42');
  EXPECT_THAT(Add(*model), Each(7));
  fs::resize_file(directory_ / "add.bin", 0);
  EXPECT_THAT(Add(*model), Each(7));
}

TEST_F(OpenvinoBackendTest, ChangedExternalDataChangesNoAnswer) {
  const std::vector<float> weights(4, 9.0F);
  const std::string bytes(reinterpret_cast<const char*>(weights.data()), 16);
  std::ofstream(directory_ / "add.data") << bytes;
  std::ofstream(directory_ / "add.onnx") << OnnxAddModel("add.data");
  const std::unique_ptr<Backend> backend = Open("CPU");
  const std::unique_ptr<CompiledModel> model = Compile(*backend, {directory_ / "add.onnx", ModelFormat::kOnnx, ""});
  EXPECT_THAT(Add(*model), Each(9));
  std::fstream(directory_ / "add.data", std::ios::in | std::ios::out | std::ios::binary) << std::string(16, '\x42');
  EXPECT_THAT(Add(*model), Each(9));
  fs::resize_file(directory_ / "add.data", 0);
  EXPECT_THAT(Add(*model), Each(9));
}

TEST_F(OpenvinoBackendTest, SlotsAsAskedOrAsTheDeviceReports) {
  const std::unique_ptr<Backend> backend = Open("CPU");
  const ModelFiles files = WriteAdd(1);
  EXPECT_GE(Compile(*backend, files)->info().slots, 1);
  EXPECT_EQ(Compile(*backend, files, {Precision::kF32, PerformanceHint::kThroughput, 5})->info().slots, 5);
  EXPECT_EQ(Compile(*backend, files, {Precision::kF32, PerformanceHint::kLatency, 0})->info().slots, 1);
}

TEST_F(OpenvinoBackendTest, EveryPrecisionCompiles) {
  const std::unique_ptr<Backend> backend = Open("CPU");
  const ModelFiles files = WriteAdd(1);
  for (const Precision precision : {Precision::kDefault, Precision::kF32, Precision::kF16, Precision::kBf16}) {
    const std::unique_ptr<CompiledModel> model = Compile(*backend, files, {precision});
    EXPECT_THAT(Add(*model), Each(1));
  }
}

TEST_F(OpenvinoBackendTest, VirtualDevicesWork) {
  const ModelFiles files = WriteAdd(2);
  for (const char* device : {"BATCH:CPU(4)", "AUTO:CPU", "HETERO:CPU"}) {
    const std::unique_ptr<Backend> backend = Open(device, directory_ / "cache");
    EXPECT_TRUE(backend->Probe().ok()) << device;
    const std::unique_ptr<CompiledModel> model = Compile(*backend, files, {Precision::kF32, {}, 8});
    std::vector<std::future<absl::StatusOr<RunResult>>> runs;
    for (int i = 0; i < 8; ++i) {
      runs.push_back(StartRun(*model, {FloatTensor({1, 4}, std::vector<float>(4, static_cast<float>(i)))}));
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const absl::StatusOr<RunResult> result = Await(std::move(runs[i]));
      ASSERT_TRUE(result.ok()) << device << result.status();
      EXPECT_THAT(Floats(result->outputs[0]), Each(static_cast<float>(i) + 2)) << device;
    }
  }
}

TEST_F(OpenvinoBackendTest, RefusesAbsurdSizesBeforeCompiling) {
  const std::unique_ptr<Backend> backend = Open("CPU");
  const ModelFiles files = WriteAdd(1);
  std::ifstream in(files.main);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string shape = "shape=\"1,4\"";
  const std::size_t parameter = text.find(shape);
  ASSERT_NE(parameter, std::string::npos);
  text.replace(parameter, shape.size(), "shape=\"1000000000,4\"");
  std::ofstream(files.main) << text;
  const absl::Status status = backend->Compile({"huge", files, kF32}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("larger than the limit"));
}

TEST_F(OpenvinoBackendTest, AbandonAnswersWhileTheDeviceIsBusy) {
  const std::unique_ptr<Backend> backend = Open("CPU");
  std::unique_ptr<CompiledModel> model = Compile(*backend, WriteIr(SlowModel(), directory_.path(), "slow"));
  std::vector<std::future<absl::StatusOr<RunResult>>> runs;
  for (int i = 0; i < model->info().slots; ++i) {
    runs.push_back(StartRun(*model, {*Tensor::Allocate(ElementType::kF32, {512, 512})}));
  }
  backend->Abandon();
  for (auto& run : runs) {
    EXPECT_EQ(Await(std::move(run)).status().code(), absl::StatusCode::kUnavailable);
  }
  model.reset();  // Its runs may go on in the device; their completions are dropped.
  ASSERT_TRUE(backend->Open().ok());
  EXPECT_THAT(Add(*Compile(*backend, WriteAdd(3))), Each(3));
}

TEST_F(OpenvinoBackendTest, TheCacheServesTheSameModel) {
  const std::unique_ptr<Backend> backend = Open("CPU", directory_ / "cache");
  const ModelFiles files = WriteAdd(4);
  EXPECT_FALSE(Compile(*backend, files)->info().from_cache);
  const std::unique_ptr<CompiledModel> cached = Compile(*backend, files);
  EXPECT_TRUE(cached->info().from_cache);
  EXPECT_THAT(Add(*cached), Each(4));
  EXPECT_EQ(cached->info().signature.inputs[0].name, "x");
  // Settings are part of the key.
  EXPECT_FALSE(Compile(*backend, files, {Precision::kDefault})->info().from_cache);
  EXPECT_FALSE(Compile(*backend, files, {Precision::kF32, PerformanceHint::kLatency})->info().from_cache);
}

// Of the two files only the weights change, and the other keeps its time too.
TEST_F(OpenvinoBackendTest, ChangedWeightsMissTheCache) {
  const std::unique_ptr<Backend> backend = Open("CPU", directory_ / "cache");
  const ModelFiles files = WriteAdd(4);
  EXPECT_THAT(Add(*Compile(*backend, files)), Each(4));
  const std::vector<float> weights(4, 5.0F);
  std::ofstream(directory_ / "add.bin") << std::string(reinterpret_cast<const char*>(weights.data()), 16);
  const std::unique_ptr<CompiledModel> changed = Compile(*backend, files);
  EXPECT_FALSE(changed->info().from_cache);
  EXPECT_THAT(Add(*changed), Each(5));
}

TEST_F(OpenvinoBackendTest, ADamagedCacheIsCompiledAnew) {
  const std::unique_ptr<Backend> backend = Open("CPU", directory_ / "cache");
  const ModelFiles files = WriteAdd(6);
  Compile(*backend, files);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory_ / "cache")) {
    if (entry.is_regular_file()) {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
      file.put('\x55');
    }
  }
  const std::unique_ptr<CompiledModel> model = Compile(*backend, files);
  EXPECT_FALSE(model->info().from_cache);
  EXPECT_THAT(Add(*model), Each(6));
  EXPECT_TRUE(Compile(*backend, files)->info().from_cache);  // It was replaced.
}

TEST_F(OpenvinoBackendTest, AnUnwritableCacheCostsOnlyTime) {
  std::ofstream(directory_ / "file") << "x";
  const std::unique_ptr<Backend> backend = Open("CPU", directory_ / "file");
  EXPECT_THAT(Add(*Compile(*backend, WriteAdd(1))), Each(1));
}

}  // namespace
}  // namespace accelerd::openvino
