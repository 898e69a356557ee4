#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "service/engine_inference_service.h"
#include "service/serving_plan.h"

namespace accelerd {
namespace {

/// Takes an image of 1 x 1 pixel; its runs end when the test says so.
class HeldModel : public CompiledModel {
 public:
  explicit HeldModel(std::promise<Done<RunResult>>& started) : started_(started) {
    info_.signature.inputs = {{.name = "in", .element_type = ElementType::kU8, .shape = {1, 1, 1, 3}, .layout = {}}};
    info_.signature.outputs = {{.name = "out", .element_type = ElementType::kF32, .shape = {1}, .layout = {}}};
    info_.outputs.resize(1);
  }

  const ModelInfo& info() const override { return info_; }
  void Start(RunId run, Tensors /*inputs*/, Tensors outputs, Done<RunResult> done) override {
    if (run == RunId{0}) {  // The canary.
      done(RunResult{.outputs = std::move(outputs), .device_time = {}});
      return;
    }
    started_.set_value(std::move(done));
  }

 private:
  ModelInfo info_;
  std::promise<Done<RunResult>>& started_;
};

/// Every model is a HeldModel.
class HeldBackend : public Backend {
 public:
  explicit HeldBackend(std::promise<Done<RunResult>>& started) : started_(started) {}

  absl::Status Open() override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(const ModelSource& /*source*/) override {
    return std::make_unique<HeldModel>(started_);
  }
  absl::Status Probe() override { return absl::OkStatus(); }
  void Abandon() override {}

 private:
  std::promise<Done<RunResult>>& started_;
};

/// A BMP of one pixel.
ImageSource OnePixel() {
  static constexpr unsigned char kBytes[] = {'B', 'M', 58, 0, 0, 0, 0, 0, 0,  0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0,
                                             0,   0,   1,  0, 0, 0, 1, 0, 24, 0, 0,  0, 0, 0, 4,  0, 0, 0, 0, 0,
                                             0,   0,   0,  0, 0, 0, 0, 0, 0,  0, 0,  0, 0, 0, 1,  2, 3, 0};
  return ImageBytes{nullptr, std::as_bytes(std::span(kBytes))};
}

class EngineInferenceThreadsTest : public testing::Test {
 protected:
  ~EngineInferenceThreadsTest() override { pool_.Drain(); }

  void LoadModel() {
    std::promise<absl::Status> loaded;
    manager_.Load({.name = "held", .files = {"/m/held.xml", ModelFormat::kOpenvinoIr, "/m/held.toml"}, .pinned = false},
                  [&loaded](absl::Status status) { loaded.set_value(std::move(status)); });
    ASSERT_TRUE(loaded.get_future().get().ok());
  }

  /// What a call ended with, and on which thread.
  struct End {
    absl::StatusCode code;
    std::thread::id thread;
  };

  std::future<End> RunTask(CallContext context = {}) {
    auto promise = std::make_shared<std::promise<End>>();
    service_.RunTask(std::move(context),
                     {.task = Task::kInference, .model = "held", .image = OnePixel(), .options = {}},
                     [promise](const absl::StatusOr<std::shared_ptr<const TaskResult>>& result) {
                       promise->set_value({result.status().code(), std::this_thread::get_id()});
                     });
    return promise->get_future();
  }

  std::future<End> DecodeImage(CallContext context) {
    auto promise = std::make_shared<std::promise<End>>();
    service_.DecodeImage(std::move(context), OnePixel(),
                         [promise](const absl::StatusOr<std::shared_ptr<const Image>>& result) {
                           promise->set_value({result.status().code(), std::this_thread::get_id()});
                         });
    return promise->get_future();
  }

  /// The pool's only thread.
  std::thread::id PoolThread() {
    std::promise<std::thread::id> thread;
    pool_.Post(CpuPool::Priority::kFinish, [&thread] { thread.set_value(std::this_thread::get_id()); });
    return thread.get_future().get();
  }

  std::promise<Done<RunResult>> started_;
  CpuPool pool_{1};
  Scheduler scheduler_{SchedulerLimits{}, pool_};
  ModelManager manager_{{.loading = {.defaults = {}, .attach = ServingPlan::Create}, .device = {}},
                        [this](const Backend::OnLost&) -> absl::StatusOr<std::unique_ptr<Backend>> {
                          return std::make_unique<HeldBackend>(started_);
                        },
                        scheduler_};
  ImageLoader loader_{ConfinedPaths({}, "--allow-path"), {}, 0};
  EngineInferenceService service_{{}, loader_, manager_, scheduler_, pool_};
};

TEST_F(EngineInferenceThreadsTest, AFailedRunIsAnsweredOnThePool) {
  LoadModel();
  std::future<End> call = RunTask();
  Done<RunResult> done = started_.get_future().get();
  done(absl::InvalidArgumentError("the runtime does not like it"));
  const End end = call.get();
  EXPECT_EQ(end.code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(end.thread, PoolThread());
}

TEST_F(EngineInferenceThreadsTest, WhatIsRefusedAtOnceIsAnsweredInsideTheCall) {
  const End unknown = RunTask().get();
  EXPECT_EQ(unknown.code, absl::StatusCode::kNotFound);
  EXPECT_EQ(unknown.thread, std::this_thread::get_id());
  LoadModel();
  scheduler_.Refuse(absl::UnavailableError("no more"));
  const End refused = RunTask().get();
  EXPECT_EQ(refused.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(refused.thread, std::this_thread::get_id());
}

TEST_F(EngineInferenceThreadsTest, DecodesNothingForACallerThatLeft) {
  std::promise<void> gate;
  pool_.Post(CpuPool::Priority::kPrepare, [&gate] { gate.get_future().wait(); });
  CallContext context;
  context.cancellation = std::make_shared<Cancellation>();
  std::future<End> left = DecodeImage(context);
  std::future<End> stayed = DecodeImage({});
  context.cancellation->Cancel();
  gate.set_value();
  EXPECT_EQ(left.get().code, absl::StatusCode::kCancelled);
  EXPECT_EQ(stayed.get().code, absl::StatusCode::kOk);
}

}  // namespace
}  // namespace accelerd
