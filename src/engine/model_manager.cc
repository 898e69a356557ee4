#include "engine/model_manager.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
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
        table_(options.limits),
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

  void BeginLoad(LoadRequest request, Done<> done) {
    if (request.bytes == 0) {
      request.bytes = TotalBytes(StampFiles({request.files.main, request.files.weights()}));
    }
    LoadTable::Begun begun = Begin([&](LoadTable& table) { return table.Begin(request, done); });
    while (begun.serving) {
      const std::vector<std::string> changed = ChangedFiles(begun.stamps);
      if (!begun.other_files && changed.empty()) {
        done(absl::OkStatus());
        return;
      }
      begun = Begin([&](LoadTable& table) { return table.Replace(request, *begun.serving, done); });
      if (begun.starts) {
        LogInfo("models",
                fmt::format("\"{}\" is loaded from {} beside the one that serves{}", request.name, request.files.main,
                            changed.empty() ? "" : fmt::format("; changed: {}", fmt::join(changed, ", "))));
      } else if (begun.serving) {  // That generation does not serve any more.
        begun = Begin([&](LoadTable& table) { return table.Begin(request, done); });
      }
    }
    if (begun.answer) {
      done(*begun.answer);
    }
  }

  void Unload(const std::string& name, Done<> done) {
    std::vector<LoadProgress> loads = Change([&](LoadTable& table) { return table.Remove(name); });
    if (!loads.empty()) {
      mailbox_->Wake();
      LogInfo("models", fmt::format("\"{}\" is unloaded", name));
      const absl::Status gone = absl::UnavailableError(fmt::format("model \"{}\" was unloaded", name));
      for (LoadProgress& load : loads) {
        load.waiters.Complete(gone);
        LetGo(load, gone);
      }
      loads.clear();
    }
    done(absl::OkStatus());
  }

  void RefuseLoads(const absl::Status& reason) {
    Change([&](LoadTable& table) { return table.Refuse(reason); }).Complete(reason);
  }

  std::shared_ptr<const RoutingSnapshot> routing() const { return table_.routing(); }

  std::vector<ModelStatus> List() const {
    const DeviceStatus status = device();
    const std::lock_guard lock(mutex_);
    return table_.List(status);
  }

  DeviceStatus device() const { return history_.status(); }

  // What the device asks and tells.

  Step NextStep(const DeviceSnapshot& snapshot, Time now) override {
    return Change([&](LoadTable& table) { return table.NextStep(snapshot, kDevice, now); });
  }

  void StateChanged(const DeviceChange& change) override {
    const bool changed = history_.Enter(change.state, change.reason, change.loss.retry_at);
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
  void NotifyIdle(Done<> done) override { scheduler_.NotifyDeviceIdle(kDevice, std::move(done)); }

  void Withdraw(ModelGeneration model) override {
    const bool wanted = Change([&](LoadTable& table) { return table.Withdraw(model); });
    scheduler_.PlacementChanged(kDevice, model, nullptr);
    if (!wanted) {
      scheduler_.ModelGone(model,
                           absl::UnavailableError("the device was lost after the model was unloaded or replaced"));
    }
  }

  bool Loaded(std::unique_ptr<EngineModel> model, std::shared_ptr<CompiledModel> compiled,
              std::vector<FileStamp> stamps) override {
    const ModelGeneration generation = model->generation;
    const bool from_cache = model->info.from_cache;
    const ModelHandle handle = Adopt(std::move(model));
    if (handle == nullptr) {
      MakeUnavailable(generation, "cannot be loaded", "its files hold other contents than before", std::move(stamps));
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
    if (published->replaced) {
      LetGo(*published->replaced,
            WithRetryAfter(absl::UnavailableError(fmt::format("model \"{}\" was replaced; try again", handle->name)),
                           std::chrono::seconds(1)));
      published->replaced.reset();
    }
    // A call that came late may mean newer files than those that were read.
    for (auto& [request, done] : published->waiters.TakeLate()) {
      BeginLoad(std::move(request), std::move(done));
    }
    published->waiters.Complete(absl::OkStatus());
    return true;
  }

  void LoadFailed(FailedLoad load) override {
    if (Change([&](LoadTable& table) { return table.BlamesLoad(load); })) {
      MakeUnavailable(load.model, "cannot be loaded",
                      load.device_lost ? fmt::format("the device was lost each time: {}; load it again, or change its "
                                                     "files, to give it another chance",
                                                     Message(load.reason))
                                       : std::string(Message(load.reason)),
                      std::move(load.stamps));
    }
  }

  void DeviceReturned() override {
    for (const std::string& name : Change([](LoadTable& table) { return table.DeviceReturned(); })) {
      LogInfo("models", fmt::format("\"{}\" is loaded again, as the device was away and is back", name));
    }
  }

  void Suspect(ModelGeneration generation) override {
    if (Change([&](LoadTable& table) { return table.BlamesJob(generation, clock_.Now()); })) {
      MakeUnavailable(generation, "is unavailable",
                      "two different requests took the device down; load it again, or change its files, to give it "
                      "another chance",
                      std::nullopt);
    }
  }

  void LookForChanges() override {
    for (const LoadTable::Stamped& model : Change([](const LoadTable& table) { return table.Held(); })) {
      if (!ChangedFiles(model.stamps).empty() &&
          Change([&](LoadTable& table) { return table.Renew(model.generation); })) {
        LogInfo("models", fmt::format("the files of \"{}\" changed; it is loaded again", model.name));
      }
    }
    NoteChanges();
  }

  void RunCanaries() override { StartCanaryRound(*routing(), scheduler_, device_->watch(), clock_.Now()); }

 private:
  /// `change` makes one change of the table, or looks at it. What it returns is let go of without the mutex.
  template <typename F>
  std::invoke_result_t<F, LoadTable&> Change(F change) {
    const std::lock_guard lock(mutex_);
    return change(table_);
  }

  /// Begins a load, or the replacement of a model.
  template <typename F>
  LoadTable::Begun Begin(F change) {
    LoadTable::Begun begun;
    {
      const std::lock_guard lock(mutex_);
      begun = change(table_);
      ArmDeadlines();
    }
    if (begun.starts) {
      mailbox_->Wake();
    }
    return begun;
  }

  /// What waits for a model that nothing brings back is refused. A model that is on the device finishes what it has.
  void LetGo(const LoadProgress& load, const absl::Status& reason) {
    if (load.handle != nullptr && !load.placed) {
      scheduler_.ModelGone(load.handle->generation, reason);
    }
  }

  /// Says once in the log that files of a model that serves have changed. On the device's thread.
  void NoteChanges() {
    std::set<ModelGeneration> noted;
    for (const LoadTable::Stamped& model : Change([](const LoadTable& table) { return table.Served(); })) {
      const std::vector<std::string> changed = ChangedFiles(model.stamps);
      if (changed.empty()) {
        continue;
      }
      noted.insert(model.generation);
      if (!noted_.contains(model.generation)) {
        LogWarning("models",
                   fmt::format("the files of \"{}\" changed ({}); it serves as it was loaded until it is loaded "
                               "again",
                               model.name, fmt::join(changed, ", ")));
      }
    }
    noted_ = std::move(noted);
  }

  /// Holds the mutex.
  void ArmDeadlines() { deadlines_->Set(table_.first_deadline()); }

  void ExpireWaiters() {
    const std::vector<ModelStatus> models = List();
    std::vector<std::pair<std::string, Waiters>> expired;
    {
      const std::lock_guard lock(mutex_);
      expired = table_.TakeExpired(clock_.Now());
      ArmDeadlines();
    }
    for (auto& [name, waiters] : expired) {
      const auto model = std::ranges::find(models, name, &ModelStatus::name);
      const std::string why =
          model == models.end() || model->reason.empty() ? "it is still being loaded" : model->reason;
      waiters.Complete(WithRetryAfter(absl::UnavailableError(fmt::format("model \"{}\" is not ready: {}", name, why)),
                                      RetryDelay(device(), clock_.Now())));
    }
  }

  /// See LoadTable. `what` and `reason` say why.
  void MakeUnavailable(ModelGeneration generation, std::string_view what, const std::string& reason,
                       std::optional<std::vector<FileStamp>> stamps) {
    const bool changed = stamps && !ChangedFiles(*stamps).empty();
    auto failed =
        Change([&](LoadTable& table) { return table.MakeUnavailable(generation, reason, std::move(stamps)); });
    if (!failed) {
      return;
    }
    LogError("models", fmt::format("\"{}\" {}: {}{}", failed->name, what, reason,
                                   failed->was_replacement ? "; the one that was loaded before serves on" : ""));
    const absl::Status status = absl::UnavailableError(fmt::format("model \"{}\" {}: {}", failed->name, what, reason));
    if (changed) {
      // A call that came late means other files than those that were read.
      for (auto& [request, done] : failed->waiters.TakeLate()) {
        BeginLoad(std::move(request), std::move(done));
      }
    }
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

  std::set<ModelGeneration> noted_;  ///< Models that serve, whose changed files the log has named.

  std::optional<Alarm> deadlines_;  ///< Of the waiters.
  std::optional<Device> device_;    // Last: its thread uses the rest.
};

ModelManager::ModelManager(ModelManagerOptions options, BackendFactory backend, Scheduler& scheduler,
                           const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(backend), scheduler, clock)) {}

ModelManager::~ModelManager() = default;

void ModelManager::Load(LoadRequest request, Done<> done) {
  impl_->BeginLoad(std::move(request), std::move(done));
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

}  // namespace accelerd
