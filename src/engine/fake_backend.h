#ifndef ACCELERD_ENGINE_FAKE_BACKEND_H_
#define ACCELERD_ENGINE_FAKE_BACKEND_H_

/// \file
/// A device for the engine's tests, with what the test scripts and sees of it.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "backend/backend.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine/fake_models.h"

namespace accelerd {

/// The device's state, outside of the backend that drives it. Thread-safe.
class FakeDevice {
  friend class FakeBackend;

  template <typename F>
  void Change(F change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  template <typename F>
  auto Read(F read) const {
    const std::lock_guard lock(mutex_);
    return read();
  }
  template <typename F>
  void Await(F condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

 public:
  /// What a model is compiled to. Default: a ThreadedModel with two slots that adds 1.
  using MakeModel = std::function<std::unique_ptr<CompiledModel>(const ModelSource&)>;

  void SetOpenStatus(absl::Status status) {
    Change([&] { open_status_ = std::move(status); });
  }
  void SetCompileStatus(const std::string& model, absl::Status status) {
    Change([&] { compile_status_[model] = std::move(status); });
  }
  /// Until the device is opened again.
  void SetProbeStatus(absl::Status status) {
    Change([&] { probe_status_ = std::move(status); });
  }
  /// Called before each compile, on the device's thread.
  void OnCompile(std::function<void(const ModelSource&)> function) {
    Change([&] { on_compile_ = std::move(function); });
  }
  /// Called by Abandon, once.
  void OnAbandon(std::function<void()> function) {
    Change([&] { on_abandon_ = std::move(function); });
  }
  /// Runs that fail with kUnavailable lose the device so.
  void SetLossOfFaults(LossKind kind) {
    Change([&] { loss_of_faults_ = kind; });
  }
  /// What is wrong with the outputs of canaries: an offset that is added. Default: 0.
  void SetCanaryOffset(std::int64_t offset) {
    Change([&] { canary_offset_ = offset; });
  }
  /// Models come from the cache unless it is to be refreshed.
  void SetFromCache(bool from_cache) {
    Change([&] { from_cache_ = from_cache; });
  }
  void SetMakeModel(MakeModel make_model) {
    Change([&] { make_model_ = std::move(make_model); });
  }

  /// Compiles of `model` wait until Unblock.
  void Block(const std::string& model) {
    Change([&] { blocked_.insert(model); });
  }
  void Unblock(const std::string& model) {
    Change([&] { blocked_.erase(model); });
  }

  void WaitForCompiles(int count) {
    Await([&] { return compiles_ >= count; });
  }
  void WaitForOpens(int count) {
    Await([&] { return opens_ >= count; });
  }
  void WaitForOpenFailures(int count) {
    Await([&] { return open_failures_ >= count; });
  }
  void WaitForLiveModels(int count) {
    Await([&] { return live_models_ == count; });
  }

  int compiles() const {
    return Read([&] { return compiles_; });
  }
  int probes() const {
    return Read([&] { return probes_; });
  }
  int live_models() const {
    return Read([&] { return live_models_; });
  }

  void Lose(const absl::Status& reason = absl::UnavailableError("unplugged")) {
    const Backend::OnLost on_lost = Read([&] { return on_lost_; });
    on_lost(reason);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status open_status_;
  absl::Status probe_status_;
  std::map<std::string, absl::Status> compile_status_;
  std::set<std::string> blocked_;
  MakeModel make_model_ = [](const ModelSource&) { return std::make_unique<ThreadedModel>(2, 1, 0); };
  Backend::OnLost on_lost_;
  int opens_ = 0;
  int open_failures_ = 0;
  int probes_ = 0;
  int compiles_ = 0;  ///< Begun.
  int live_models_ = 0;
  std::int64_t canary_offset_ = 0;
  std::function<void(const ModelSource&)> on_compile_;
  std::function<void()> on_abandon_;
  std::optional<LossKind> loss_of_faults_;
  bool from_cache_ = false;
};

/// Drives a FakeDevice, and checks how it is called.
class FakeBackend : public Backend {
 public:
  FakeBackend(std::shared_ptr<FakeDevice> device, OnLost on_lost) : device_(std::move(device)) {
    device_->Change([&] { device_->on_lost_ = std::move(on_lost); });
  }
  ~FakeBackend() override { ExpectOwnThread(); }

  absl::Status Open() override {
    ExpectOwnThread();
    EXPECT_EQ(device_->live_models(), 0);
    absl::Status status;
    device_->Change([&] {
      ++device_->opens_;
      device_->probe_status_ = absl::OkStatus();
      status = device_->open_status_;
      device_->open_failures_ += status.ok() ? 0 : 1;
    });
    return status;
  }

  absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(const ModelSource& source) override {
    ExpectOwnThread();
    if (const auto on_compile = device_->Read([&] { return device_->on_compile_; })) {
      on_compile(source);
    }
    device_->Change([&] { ++device_->compiles_; });
    device_->Await([&] { return !device_->blocked_.contains(source.name); });
    ACCELERD_RETURN_IF_ERROR(device_->Read([&] { return device_->compile_status_[source.name]; }));
    const FakeDevice::MakeModel make_model = device_->Read([&] { return device_->make_model_; });
    return std::make_unique<Live>(*this, make_model(source), source);
  }

  absl::Status Probe() override {
    ExpectOwnThread();
    device_->Change([&] { ++device_->probes_; });
    return device_->Read([&] { return device_->probe_status_; });
  }

  void Abandon() override {
    std::function<void()> on_abandon;
    device_->Change([&] { on_abandon.swap(device_->on_abandon_); });
    if (on_abandon) {
      on_abandon();
    }
  }

 private:
  /// Counts a model while it lives.
  class Live : public CompiledModel {
   public:
    Live(FakeBackend& backend, std::unique_ptr<CompiledModel> model, const ModelSource& source)
        : backend_(backend), model_(std::move(model)), info_(model_->info()) {
      info_.files = {source.files.main};
      if (const absl::StatusOr<std::string> contents = ReadFile(source.files.main, 1 << 20); contents.ok()) {
        info_.content_hash = ToHex(Sha256Of(*contents));
      }
      info_.from_cache = !source.refresh_cache && backend_.device_->Read([&] { return backend_.device_->from_cache_; });
      backend_.device_->Change([&] { ++backend_.device_->live_models_; });
    }
    ~Live() override {
      backend_.ExpectOwnThread();
      model_.reset();
      backend_.device_->Change([&] { --backend_.device_->live_models_; });
    }
    const ModelInfo& info() const override { return info_; }
    /// The models of fake_models.h know nothing of canaries.
    void Start(RunId run, Tensors inputs, Tensors outputs, Done<RunResult> done) override {
      if (run == RunId{0} && info_.signature.inputs.at(0).element_type == ElementType::kI64) {
        const std::int64_t offset = backend_.device_->Read([&] { return backend_.device_->canary_offset_; });
        done(FakeRun(inputs, std::move(outputs), offset));
        return;
      }
      model_->Start(run, std::move(inputs), std::move(outputs),
                    [device = backend_.device_, done = std::move(done)](absl::StatusOr<RunResult> result) mutable {
                      const auto loss = device->Read([&] { return device->loss_of_faults_; });
                      if (absl::IsUnavailable(result.status()) && loss) {
                        result = WithLossKind(result.status(), *loss);
                        device->Lose(result.status());
                      }
                      done(std::move(result));
                    });
    }

   private:
    FakeBackend& backend_;
    std::unique_ptr<CompiledModel> model_;
    ModelInfo info_;
  };

  void ExpectOwnThread() const { EXPECT_EQ(std::this_thread::get_id(), thread_); }

  const std::shared_ptr<FakeDevice> device_;
  const std::thread::id thread_ = std::this_thread::get_id();
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_FAKE_BACKEND_H_
