#ifndef ACCELERD_ENGINE_FAKE_MODELS_H_
#define ACCELERD_ENGINE_FAKE_MODELS_H_

/// \file
/// Compiled models for the engine's tests.

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "engine/engine_model.h"
#include "gtest/gtest.h"

namespace accelerd {

/// One i64 in, one i64 out of a fixed size, and one of a varying size.
inline ModelInfo FakeModelInfo(int slots) {
  ModelInfo info;
  info.signature.inputs = {{.name = "in", .element_type = ElementType::kI64, .shape = {1}, .layout = {}}};
  info.signature.outputs = {{.name = "out", .element_type = ElementType::kI64, .shape = {1}, .layout = {}},
                            {.name = "any", .element_type = ElementType::kI64, .shape = {-1}, .layout = {}}};
  info.outputs.resize(2);
  info.slots = slots;
  info.content_hash = "hash";
  return info;
}

inline Tensors FakeInputs(std::int64_t value) {
  const Tensor tensor = Tensor::Allocate(ElementType::kI64, {1}).value();
  tensor.elements<std::int64_t>()[0] = value;
  return {tensor};
}

/// What a model that adds `offset` answers.
inline RunResult FakeRun(const Tensors& inputs, Tensors outputs, std::int64_t offset) {
  outputs.at(0).elements<std::int64_t>()[0] = inputs.at(0).elements<std::int64_t>()[0] + offset;
  outputs.at(1) = outputs[0];
  return {.outputs = std::move(outputs), .device_time = std::chrono::microseconds(1)};
}

/// Completes its runs when the test says so.
class ManualModel : public CompiledModel {
 public:
  struct StartedRun {
    RunId run;
    Tensors inputs;
    Tensors outputs;
    Done<RunResult> done;
  };

  explicit ManualModel(int slots) : info_(FakeModelInfo(slots)) {}
  ~ManualModel() override { EXPECT_TRUE(started_.empty()); }

  const ModelInfo& info() const override { return info_; }

  void Start(RunId run, Tensors inputs, Tensors outputs, Done<RunResult> done) override {
    const std::lock_guard lock(mutex_);
    EXPECT_LT(started_.size(), static_cast<std::size_t>(info_.slots));
    started_.push_back({run, std::move(inputs), std::move(outputs), std::move(done)});
    wake_.notify_all();
  }

  /// Waits for a run to be started, and takes it over.
  StartedRun Take() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !started_.empty(); });
    StartedRun run = std::move(started_.front());
    started_.pop_front();
    return run;
  }

  std::size_t started() {
    const std::lock_guard lock(mutex_);
    return started_.size();
  }

  /// Ends the oldest run: it adds 1.
  void FinishOne() {
    StartedRun run = Take();
    RunResult result = FakeRun(run.inputs, std::move(run.outputs), 1);
    run.inputs.clear();
    run.done(std::move(result));
  }

  void FailOne(const absl::Status& status) { Take().done(status); }

 private:
  const ModelInfo info_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<StartedRun> started_;
};

/// Completes its runs on threads of its own, one a slot; some with kUnavailable.
class ThreadedModel : public CompiledModel {
 public:
  /// Adds `offset`; every `fault_every`th run ends as a device fault (0: none).
  ThreadedModel(int slots, std::int64_t offset, int fault_every)
      : info_(FakeModelInfo(slots)), offset_(offset), fault_every_(fault_every) {
    for (int i = 0; i < slots; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }

  ~ThreadedModel() override {
    {
      const std::lock_guard lock(mutex_);
      EXPECT_EQ(outstanding_, 0);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  const ModelInfo& info() const override { return info_; }

  void Start(RunId /*run*/, Tensors inputs, Tensors outputs, Done<RunResult> done) override {
    {
      const std::lock_guard lock(mutex_);
      EXPECT_LT(outstanding_, info_.slots);
      ++outstanding_;
      queue_.push_back({std::move(inputs), std::move(outputs), std::move(done)});
    }
    wake_.notify_one();
  }

 private:
  struct Queued {
    Tensors inputs;
    Tensors outputs;
    Done<RunResult> done;
  };

  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) {
        return;
      }
      Queued run = std::move(queue_.front());
      queue_.pop_front();
      --outstanding_;
      const bool fault = fault_every_ > 0 && ++runs_ % fault_every_ == 0;
      lock.unlock();
      absl::StatusOr<RunResult> result = absl::UnavailableError("the device is lost");
      if (!fault) {
        result = FakeRun(run.inputs, std::move(run.outputs), offset_);
      }
      run.inputs.clear();
      run.done(std::move(result));
      lock.lock();
    }
  }

  const ModelInfo info_;
  const std::int64_t offset_;
  const int fault_every_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Queued> queue_;
  int outstanding_ = 0;
  int runs_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// A model as the scheduler sees it.
inline ModelHandle MakeHandle(std::uint64_t generation) {
  auto model = std::make_shared<EngineModel>();
  model->name = "model";
  model->generation = static_cast<ModelGeneration>(generation);
  return model;
}

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_FAKE_MODELS_H_
