#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include "backend/conformance.h"
#include "backend/openvino/openvino_backend.h"
#include "backend/test_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::Le;

/// Models of the folder that the environment variable ACCELERD_TEST_DATA names, at f32 on the CPU.
class RealModelsTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("ACCELERD_TEST_DATA");  // NOLINT(concurrency-mt-unsafe): nothing sets it.
    if (data == nullptr) {
      GTEST_SKIP() << "ACCELERD_TEST_DATA does not name the folder of test data";
    }
    models_ = std::string(data) + "/models";
    ASSERT_TRUE(backend_.Open().ok());
  }

  std::unique_ptr<CompiledModel> Compile(const std::string& name, const std::string& directory) {
    const absl::StatusOr<FoundModel> found = FindModel(directory, name);
    EXPECT_TRUE(found.ok()) << found.status();
    const auto begin = std::chrono::steady_clock::now();
    absl::StatusOr<std::unique_ptr<CompiledModel>> model =
        backend_.Compile({name, found->files, CompileSettings{Precision::kF32}});
    EXPECT_TRUE(model.ok()) << model.status();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    RecordProperty(name + ((*model)->info().from_cache ? "_import_ms" : "_compile_ms"), std::to_string(took.count()));
    return *std::move(model);
  }

  std::unique_ptr<CompiledModel> Compile(const std::string& name) { return Compile(name, models_); }

  /// A run on an input whose bytes have a pattern.
  static Tensors Run(CompiledModel& model) {
    const TensorSpec& spec = model.info().signature.inputs.at(0);
    Tensor input = *Tensor::Allocate(spec.element_type, spec.shape);
    if (spec.element_type == ElementType::kF32) {
      std::ranges::generate(input.elements<float>(), [i = 0]() mutable { return static_cast<float>(i++ % 251); });
    } else {
      std::ranges::generate(input.bytes(), [i = 0]() mutable { return static_cast<std::byte>(i++ % 251); });
    }
    absl::StatusOr<RunResult> result = Await(StartRun(model, {input}));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? std::move(result->outputs) : Tensors();
  }

  const TestDirectory directory_;
  std::string models_;
  OpenvinoBackend backend_{BackendOptions{"CPU", directory_ / "cache"}, [](const absl::Status&) {}};
};

TEST_F(RealModelsTest, MobilenetV2) {
  const std::unique_ptr<CompiledModel> model = Compile("mobilenet_v2");
  EXPECT_TRUE(model->info().outputs.at(0).probabilities);
  EXPECT_NEAR(model->info().outputs.at(0).scale, 1, 0.01);
  const std::vector<float> scores = Floats(Run(*model).at(0));
  EXPECT_THAT(scores, Each(AllOf(Ge(0), Le(1))));
  EXPECT_NEAR(std::accumulate(scores.begin(), scores.end(), 0.0), 1, 0.5);  // They are multiples of 1/256.
}

TEST_F(RealModelsTest, FaceSsd) {
  const std::unique_ptr<CompiledModel> model = Compile("face_ssd");
  EXPECT_THAT(model->info().signature.outputs.at(0).shape, ElementsAre(1, 1, 100, 7));
  EXPECT_FALSE(model->info().outputs.at(0).probabilities);
  Run(*model);
}

TEST_F(RealModelsTest, DeeplabPascal) {
  const std::unique_ptr<CompiledModel> model = Compile("deeplab_pascal");
  EXPECT_THAT(model->info().signature.inputs.at(0).shape, ElementsAre(1, 3, 513, 513));
  EXPECT_EQ(Run(*model).at(0).byte_size(), 21 * 513 * 513 * sizeof(float));
}

TEST_F(RealModelsTest, UltrafaceOnnx) {
  const std::unique_ptr<CompiledModel> model = Compile("ultraface_rfb320");
  ASSERT_EQ(model->info().signature.outputs.size(), 2);
  EXPECT_EQ(model->info().signature.outputs[0].name, "scores");
  EXPECT_EQ(model->info().signature.outputs[1].name, "boxes");
  EXPECT_THAT(Floats(Run(*model).at(0)), Each(AllOf(Ge(0), Le(1))));
}

TEST_F(RealModelsTest, MobilenetV1Tflite) {
  const std::unique_ptr<CompiledModel> model = Compile("mobilenet_v1_025_quant");
  EXPECT_EQ(model->info().signature.inputs.at(0).element_type, ElementType::kU8);
  EXPECT_EQ(model->info().signature.outputs.at(0).element_type, ElementType::kU8);
  EXPECT_TRUE(model->info().outputs.at(0).probabilities);
  EXPECT_NEAR(model->info().outputs.at(0).scale, 1.0 / 256, 1e-6);
  const Tensors outputs = Run(*model);
  const std::span<std::uint8_t> scores = outputs.at(0).elements<std::uint8_t>();
  EXPECT_NEAR(std::accumulate(scores.begin(), scores.end(), 0), 256, 100);
}

/// Every model answers the same after its files were destroyed, and when it comes from the cache.
TEST_F(RealModelsTest, FilesAndCacheChangeNoAnswer) {
  for (const std::string name :
       {"mobilenet_v2", "face_ssd", "deeplab_pascal", "ultraface_rfb320", "mobilenet_v1_025_quant"}) {
    const std::string copies = directory_ / name;
    fs::create_directory(copies);
    for (const char* extension : {".xml", ".bin", ".onnx", ".tflite"}) {
      if (const std::string file = name + extension; fs::exists(models_ + "/" + file)) {
        fs::copy(models_ + "/" + file, copies + "/" + file);
        fs::permissions(copies + "/" + file, fs::perms::owner_all);
      }
    }
    const std::unique_ptr<CompiledModel> compiled = Compile(name, copies);
    const std::unique_ptr<CompiledModel> imported = Compile(name, copies);
    EXPECT_FALSE(compiled->info().from_cache) << name;
    EXPECT_TRUE(imported->info().from_cache) << name;
    const Tensors before = Run(*compiled);
    for (const std::string& file : compiled->info().files) {
      const auto size = fs::file_size(file);
      std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << std::string(size, '\x5a');
    }
    const Tensors overwritten = Run(*compiled);
    const Tensors from_cache = Run(*imported);
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(before[i].bytes(), overwritten[i].bytes())) << name;
      EXPECT_TRUE(std::ranges::equal(before[i].bytes(), from_cache[i].bytes())) << name;
    }
  }
}

}  // namespace
}  // namespace accelerd::openvino
