#include "engine/model_manager.h"

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/log.h"
#include "engine/alarm.h"
#include "engine/canary_round.h"
#include "engine/device_history.h"
#include "engine/file_stamp.h"
#include "engine/load_table.h"
#include "engine/model_names.h"
#include "engine/scheduler_reports.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

constexpr DeviceId kDevice{0};
constexpr std::chrono::seconds kRetryUnavailable{10};

void LogReady(const EngineModel& model, Duration time, bool from_cache) {
  LogInfo("models",
          fmt::format("\"{}\" is ready after {} ms: {}, {} inference{} at once{}", model.name,
                      std::chrono::duration_cast<std::chrono::milliseconds>(time).count(), model.files.main,
                      model.info.slots, model.info.slots == 1 ? "" : "s", from_cache ? ", from the cache" : ""));
}

}  // namespace

class ModelManager::Impl final : public DeviceHost {
 public:
  Impl(ModelManagerOptions options, BackendFactory backend, Scheduler& scheduler, const Clock& clock)
      : scheduler_(scheduler),
        clock_(clock),
        history_(options.device.name),
        deadlines_(
            std::in_place, [this] { ExpireWaiters(); }, clock),
        device_(std::in_place, std::move(backend), std::move(options.device), std::move(options.loading), *this,
                mailbox_, clock) {
    scheduler_.Observe(std::make_shared<SchedulerReports>(mailbox_, device_->watch(), names_));
  }

  ~Impl() {
    scheduler_.Observe(nullptr);
    std::map<ModelGeneration, LoadProgress> loads;
    {
      const std::lock_guard lock(mutex_);
      loads = table_.Clear();
    }
    for (auto& [generation, load] : loads) {
      load.waiters.Complete(absl::UnavailableError("the service is shutting down"));
    }
    loads.clear();
    device_.reset();
    deadlines_.reset();
  }

  void BeginLoad(const LoadRequest& request, Done<> done) {
    LoadTable::Begun begun;
    {
      const std::lock_guard lock(mutex_);
      begun = table_.Begin(request, done);
      ArmDeadlines();
    }
    if (begun.starts) {
      mailbox_->Wake();
    }
    if (!begun.answer) {
      return;
    }
    if (const std::vector<std::string> changed = ChangedFiles(begun.stamps); !changed.empty()) {
      LogWarning("models", fmt::format("\"{}\" stays as it was loaded although its files changed ({}); unload and load "
                                       "it to use the new ones",
                                       request.name, fmt::join(changed, ", ")));
    }
    done(*begun.answer);
  }

  void Unload(const std::string& name, Done<> done) {
    std::optional<LoadProgress> load = Change([&](LoadTable& table) { return table.Remove(name); });
    if (load) {
      mailbox_->Wake();
      LogInfo("models", fmt::format("\"{}\" is unloaded", name));
      const absl::Status gone = absl::UnavailableError(fmt::format("model \"{}\" was unloaded", name));
      load->waiters.Complete(gone);
      if (load->handle != nullptr && !load->placed) {
        scheduler_.ModelGone(load->handle->generation, gone);  // Nothing brings it back.
      }
      load.reset();
    }
    done(absl::OkStatus());
  }

  void RefuseLoads(const absl::Status& reason) {
    Change([&](LoadTable& table) { return table.Refuse(reason); }).Complete(reason);
  }

  std::shared_ptr<const RoutingSnapshot> routing() const { return table_.routing(); }

  std::vector<ModelStatus> List() const {
    const std::lock_guard lock(mutex_);
    return table_.List();
  }

  bool Settled() const {
    const std::lock_guard lock(mutex_);
    return table_.Settled();
  }

  DeviceStatus device() const { return history_.status(); }

  // What the device asks and tells.

  Step NextStep(const DeviceSnapshot& snapshot, Time now) override {
    return Change([&](LoadTable& table) { return table.NextStep(snapshot, kDevice, now); });
  }

  void StateChanged(const DeviceChange& change) override {
    const bool changed = history_.Enter(change.state, change.reason);
    scheduler_.DeviceChanged(kDevice, change.state, change.loss);
    if (!changed) {
      return;
    }
    if (change.state == DeviceState::kLost) {
      LogWarning("device", fmt::format("the device is lost: {}", Message(change.reason)));
    } else if (change.state == DeviceState::kStuck) {
      LogError("device", fmt::format("the device is stuck until accelerd is restarted: {}", Message(change.reason)));
    }
  }

  void Pause(bool paused) override { scheduler_.Pause(kDevice, paused); }
  bool Busy() const override { return scheduler_.Busy(kDevice); }

  void Withdraw(ModelGeneration model) override {
    const bool wanted = Change([&](LoadTable& table) { return table.Withdraw(model); });
    scheduler_.PlacementChanged(kDevice, model, nullptr);
    if (!wanted) {
      scheduler_.ModelGone(model, absl::UnavailableError("the device was lost after the model was unloaded"));
    }
  }

  bool Loaded(std::unique_ptr<EngineModel> model, std::shared_ptr<CompiledModel> compiled) override {
    const ModelGeneration generation = model->generation;
    const bool from_cache = model->info.from_cache;
    std::vector<FileStamp> stamps = StampFiles(FilesOfModel(*model));
    const std::string name = model->name;
    const ModelHandle handle = Adopt(std::move(model));
    if (handle == nullptr) {
      if (Renew(generation)) {
        LogWarning("models", fmt::format("the files of \"{}\" changed; it is loaded anew", name));
        scheduler_.ModelGone(
            generation,
            WithRetryAfter(absl::UnavailableError(fmt::format("the files of model \"{}\" changed; try again", name)),
                           std::chrono::seconds(1)));
      }
      return false;
    }
    // The scheduler first: who finds the model in the routing snapshot submits at once.
    scheduler_.PlacementChanged(kDevice, generation, std::move(compiled));
    auto published = Change([&](LoadTable& table) { return table.Publish(handle, std::move(stamps), clock_.Now()); });
    if (!published) {
      Withdraw(generation);
      return false;
    }
    LogReady(*handle, published->time, from_cache);
    published->waiters.Complete(absl::OkStatus());
    return true;
  }

  void LoadFailed(ModelGeneration generation, const absl::Status& reason, bool device_lost) override {
    if (Change([&](LoadTable& table) { return table.BlamesLoad(generation, reason, device_lost); })) {
      MakeUnavailable(generation, "cannot be loaded", std::string(Message(reason)));
    }
  }

  void Suspect(ModelGeneration generation) override {
    if (Change([&](LoadTable& table) { return table.BlamesJob(generation, clock_.Now()); })) {
      MakeUnavailable(generation, "is unavailable",
                      "two different requests took the device down; load it again, or change its files, to give it "
                      "another chance");
    }
  }

  void LookForChanges() override {
    for (const auto& [model, stamps] : Change([](const LoadTable& table) { return table.Held(); })) {
      if (!ChangedFiles(stamps).empty() && Renew(model.generation)) {
        LogInfo("models", fmt::format("the files of \"{}\" changed; it is loaded again", model.name));
      }
    }
  }

  void RunCanaries() override { StartCanaryRound(*routing(), scheduler_, device_->watch(), clock_.Now()); }

 private:
  /// `change` makes one change of the table, or looks at it. What it returns is let go of without the mutex.
  template <typename F>
  std::invoke_result_t<F, LoadTable&> Change(F change) {
    const std::lock_guard lock(mutex_);
    return change(table_);
  }

  /// Wants the same as a new generation; false when this one is not wanted any more.
  bool Renew(ModelGeneration generation) {
    const auto old = Change([&](LoadTable& table) { return table.Renew(generation); });
    mailbox_->Wake();
    return old.has_value();
  }

  /// Holds the mutex.
  void ArmDeadlines() { deadlines_->Set(table_.first_deadline()); }

  void ExpireWaiters() {
    const DeviceStatus status = device();
    std::vector<std::pair<std::string, Waiters>> expired;
    {
      const std::lock_guard lock(mutex_);
      expired = table_.TakeExpired(clock_.Now());
      ArmDeadlines();
    }
    for (auto& [name, waiters] : expired) {
      const std::string why = status.state == DeviceState::kReady
                                  ? "it is still being loaded"
                                  : fmt::format("the device is not there: {}", status.last_error);
      waiters.Complete(WithRetryAfter(absl::UnavailableError(fmt::format("model \"{}\" is not ready: {}", name, why)),
                                      std::chrono::seconds(1)));
    }
  }

  /// See LoadTable. `what` and `reason` say why.
  void MakeUnavailable(ModelGeneration generation, std::string_view what, const std::string& reason) {
    std::vector<FileStamp> stamps =
        StampFiles(Change([&](const LoadTable& table) { return table.FilesOf(generation); }));
    auto failed =
        Change([&](LoadTable& table) { return table.MakeUnavailable(generation, reason, std::move(stamps)); });
    if (!failed) {
      return;
    }
    LogError("models", fmt::format("\"{}\" {}: {}", failed->name, what, reason));
    const absl::Status status = absl::UnavailableError(fmt::format("model \"{}\" {}: {}", failed->name, what, reason));
    failed->waiters.Complete(status);
    scheduler_.ModelGone(generation, WithRetryAfter(status, kRetryUnavailable));
  }

  ModelHandle Adopt(std::unique_ptr<EngineModel> model) {
    const auto release = [mailbox = mailbox_, names = names_](const EngineModel* last) {
      const ModelGeneration generation = last->generation;
      delete last;
      names->Remove(generation);
      mailbox->Unreferenced(generation);
    };
    ModelHandle handle = Change([&](LoadTable& table) { return table.Adopt(std::move(model), release); });
    if (handle != nullptr) {
      names_->Add(handle->generation, handle->name);
    }
    return handle;
  }

  Scheduler& scheduler_;
  const Clock& clock_;
  const std::shared_ptr<DeviceMailbox> mailbox_ = std::make_shared<DeviceMailbox>();
  const std::shared_ptr<ModelNames> names_ = std::make_shared<ModelNames>();

  DeviceHistory history_;

  mutable std::mutex mutex_;
  LoadTable table_;

  std::optional<Alarm> deadlines_;  ///< Of the waiters.
  std::optional<Device> device_;    // Last: its thread uses the rest.
};

ModelManager::ModelManager(ModelManagerOptions options, BackendFactory backend, Scheduler& scheduler,
                           const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(backend), scheduler, clock)) {}

ModelManager::~ModelManager() = default;

void ModelManager::Load(const LoadRequest& request, Done<> done) {
  impl_->BeginLoad(request, std::move(done));
}

void ModelManager::Unload(const std::string& name, Done<> done) {
  impl_->Unload(name, std::move(done));
}

void ModelManager::RefuseLoads(const absl::Status& reason) {
  impl_->RefuseLoads(reason);
}

DeviceStatus ModelManager::device() const {
  return impl_->device();
}

std::shared_ptr<const RoutingSnapshot> ModelManager::routing() const {
  return impl_->routing();
}

std::vector<ModelStatus> ModelManager::List() const {
  return impl_->List();
}

bool ModelManager::Settled() const {
  return impl_->Settled();
}

}  // namespace accelerd
