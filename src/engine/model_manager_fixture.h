#ifndef ACCELERD_ENGINE_MODEL_MANAGER_FIXTURE_H_
#define ACCELERD_ENGINE_MODEL_MANAGER_FIXTURE_H_

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/fake_backend.h"
#include "engine/model_manager.h"
#include "fmt/core.h"
#include "gtest/gtest.h"

namespace accelerd {

/// Where one call's completion arrives.
class LoadCompletion {
 public:
  Done<> done() {
    return [this](absl::Status status) { promise_.set_value(std::move(status)); };
  }
  absl::Status Wait() { return future_.get(); }
  bool ready() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

 private:
  std::promise<absl::Status> promise_;
  std::future<absl::Status> future_ = promise_.get_future();
};

class ModelManagerTest : public testing::Test {
 protected:
  /// `run_bound`: how long a run may take before the device counts as hung. Default: short, for models that hang.
  explicit ModelManagerTest(Duration run_bound = std::chrono::milliseconds(100))
      : scheduler_({.least_run_bound = run_bound, .most_run_bound = run_bound}, pool_) {
    Restart();
  }
  ~ModelManagerTest() override {
    manager_.reset();
    EXPECT_EQ(device_->live_models(), 0);
  }

  void Restart(ModelManagerOptions options = {}) {
    manager_.reset();
    manager_ = std::make_unique<ModelManager>(
        std::move(options),
        [device = device_](Backend::OnLost on_lost) -> absl::StatusOr<std::unique_ptr<Backend>> {
          return std::make_unique<FakeBackend>(device, std::move(on_lost));
        },
        scheduler_);
  }

  static LoadRequest Request(const std::string& name, const std::string& directory = "/models", bool pinned = false) {
    return {.name = name,
            .files = {.main = directory + "/" + name + ".xml",
                      .format = ModelFormat::kOpenvinoIr,
                      .card = directory + "/" + name + ".toml"},
            .pinned = pinned};
  }

  void BeginLoad(LoadRequest request, LoadCompletion& completion) {
    manager_->Load(std::move(request), completion.done());
  }
  absl::Status Load(LoadRequest request) {
    LoadCompletion completion;
    BeginLoad(std::move(request), completion);
    return completion.Wait();
  }
  absl::Status Unload(const std::string& name) {
    LoadCompletion completion;
    manager_->Unload(name, completion.done());
    return completion.Wait();
  }

  ModelHandle Route(const std::string& name) {
    const auto routing = manager_->routing();
    const auto model = routing->find(name);
    return model == routing->end() ? nullptr : model->second;
  }

  std::vector<std::string> Listed() {
    std::vector<std::string> list;
    for (const ModelStatus& model : manager_->List()) {
      list.push_back(fmt::format("{} {}{}{}", model.name, ModelStateName(model.state), model.reason.empty() ? "" : ": ",
                                 model.reason));
    }
    return list;
  }

  /// Waits until the model is listed so.
  void WaitForState(const std::string& name, const std::string& state) {
    for (;;) {
      for (const std::string& line : Listed()) {
        if (line.starts_with(name + " " + state)) {
          return;
        }
      }
      std::this_thread::yield();
    }
  }

  void WaitForDevice(DeviceState state) {
    while (manager_->device().state != state) {
      std::this_thread::yield();
    }
  }

  std::future<std::int64_t> Infer(ModelHandle model, std::int64_t value) {
    auto promise = std::make_shared<std::promise<std::int64_t>>();
    Job job;
    job.model = std::move(model);
    job.inputs = FakeInputs(value);
    job.done = [promise](const absl::StatusOr<Tensors>& outputs) {
      promise->set_value(outputs.ok() ? outputs->at(0).elements<std::int64_t>()[0] : -1);
    };
    scheduler_.Submit(std::move(job));
    return promise->get_future();
  }

  /// From now on each model adds the next number: 100, 200 …
  void NumberModels() {
    device_->SetMakeModel([count = std::make_shared<std::atomic<int>>(0)](const ModelSource&) {
      return std::make_unique<ThreadedModel>(1, ++*count * 100, 0);
    });
  }

  CpuPool pool_{1};
  Scheduler scheduler_;
  std::shared_ptr<FakeDevice> device_ = std::make_shared<FakeDevice>();
  std::unique_ptr<ModelManager> manager_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MODEL_MANAGER_FIXTURE_H_
