#ifndef ACCELERD_SERVICE_SERVICE_FIXTURE_H_
#define ACCELERD_SERVICE_SERVICE_FIXTURE_H_

/// \file
/// The engine on a fake device, with a model that takes images.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/cpu_pool.h"
#include "engine/fake_backend.h"
#include "engine/model_manager.h"
#include "engine/scheduler.h"
#include "gtest/gtest.h"
#include "service/call_context.h"
#include "service/serving_plan.h"

namespace accelerd {

/// f32 images of 2x2 pixels, planar, in; the three channels of the first pixel out, as probabilities.
inline ModelInfo FirstPixelInfo() {
  ModelInfo info;
  info.signature.inputs = {{.name = "image", .element_type = ElementType::kF32, .shape = {1, 3, 2, 2}, .layout = {}}};
  info.signature.outputs = {{.name = "pixel", .element_type = ElementType::kF32, .shape = {1, 3}, .layout = {}}};
  info.outputs = {{.probabilities = true, .scale = 1.0F / 256.0F, .zero_point = 0.0F}};
  info.slots = 2;
  info.content_hash = "hash";
  return info;
}

class FirstPixelModel : public CompiledModel {
 public:
  const ModelInfo& info() const override { return info_; }

  void Start(RunId /*run*/, Tensors inputs, Tensors outputs, Done<RunResult> done) override {
    runtime_.Post(CpuPool::Priority::kFinish,
                  [inputs = std::move(inputs), outputs = std::move(outputs), done = std::move(done)]() mutable {
                    for (std::size_t channel = 0; channel < 3; ++channel) {
                      outputs.at(0).elements<float>()[channel] = inputs.at(0).elements<float>()[channel * 4];
                    }
                    inputs.clear();
                    done(RunResult{.outputs = std::move(outputs), .device_time = std::chrono::microseconds(1)});
                  });
  }

 private:
  const ModelInfo info_ = FirstPixelInfo();
  CpuPool runtime_{1};
};

/// Waits for the one completion of an asynchronous call.
template <typename T = void>
class Completion {
 public:
  using Result = typename Done<T>::Result;

  Done<T> done() {
    return [promise = promise_](Result result) { promise->set_value(std::move(result)); };
  }
  Result Wait() { return promise_->get_future().get(); }

 private:
  std::shared_ptr<std::promise<Result>> promise_ = std::make_shared<std::promise<Result>>();
};

class ServiceTest : public testing::Test {
 protected:
  explicit ServiceTest(const SchedulerLimits& limits = {}) : scheduler_(limits, pool_) {
    std::string pattern = testing::TempDir() + "/service-XXXXXX";
    folder_ = std::filesystem::canonical(mkdtemp(pattern.data()));
    device_->SetMakeModel([](const ModelSource&) { return std::make_unique<FirstPixelModel>(); });
    Write("pixel.xml", "");
    Write("pixel.bin", "");
  }
  ~ServiceTest() override {
    pool_.Drain();  // It may still charge clients in the scheduler.
    manager_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string Write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  /// Of the engine alone: the service's own load is what some tests are about.
  absl::Status LoadPixel(bool pinned = false) {
    Completion completion;
    manager_->Load(
        {.name = "pixel",
         .files = {.main = folder_ + "/pixel.xml", .format = ModelFormat::kOpenvinoIr, .card = folder_ + "/pixel.toml"},
         .pinned = pinned},
        completion.done());
    return completion.Wait();
  }

  static std::unique_ptr<ModelManager> MakeManager(std::shared_ptr<FakeDevice> device, Scheduler& scheduler,
                                                   ModelManagerOptions options = {}) {
    options.loading.attach = ServingPlan::Create;
    return std::make_unique<ModelManager>(
        std::move(options),
        [device = std::move(device)](Backend::OnLost on_lost) -> absl::StatusOr<std::unique_ptr<Backend>> {
          return std::make_unique<FakeBackend>(device, std::move(on_lost));
        },
        scheduler);
  }

  std::string folder_;
  CpuPool pool_{1};
  Scheduler scheduler_;
  std::shared_ptr<FakeDevice> device_ = std::make_shared<FakeDevice>();
  std::unique_ptr<ModelManager> manager_ = MakeManager(device_, scheduler_);
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_SERVICE_FIXTURE_H_
