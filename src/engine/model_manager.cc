#include "engine/model_manager.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"
#include "engine/alarm.h"
#include "engine/canary_round.h"
#include "engine/device_history.h"
#include "engine/file_stamp.h"
#include "engine/load_progress.h"
#include "engine/next_action.h"
#include "engine/routing_table.h"
#include "engine/scheduler_reports.h"
#include "engine/wanted_set.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

constexpr DeviceId kDevice{0};
// A device that goes down during a load gets the model once more; then the model is to blame.
constexpr int kMostAttempts = 2;
// Devices that crash now and then by themselves do so under some model each time.
constexpr std::chrono::minutes kSuspicionLasts{10};
constexpr std::chrono::seconds kRetryUnavailable{10};

std::vector<std::string> FilesOf(const EngineModel& model) {
  std::vector<std::string> files = model.info.files;
  files.push_back(model.files.card);
  return files;
}

/// As far as they are known of a model that could not be read.
std::vector<std::string> FilesOf(const ModelFiles& files) {
  return {files.main, files.weights(), files.card};
}

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
    scheduler_.Observe(std::make_shared<SchedulerReports>(mailbox_, device_->watch()));
  }

  ~Impl() {
    scheduler_.Observe(nullptr);
    std::map<ModelGeneration, LoadProgress> loads;
    {
      const std::lock_guard lock(mutex_);
      wanted_ = WantedSet();
      loads.swap(loads_);
    }
    routing_.Clear();
    for (auto& [generation, load] : loads) {
      load.waiters.Complete(absl::UnavailableError("the service is shutting down"));
    }
    loads.clear();
    device_.reset();
    deadlines_.reset();
  }

  void BeginLoad(LoadRequest request, Done<> done) {
    std::vector<FileStamp> stamps;
    absl::Status status;
    {
      const std::lock_guard lock(mutex_);
      WantedModel* const wanted = wanted_.Find(request.name);
      LoadProgress* const load = wanted == nullptr ? nullptr : &loads_.at(wanted->generation);
      if (!refusal_ && (load == nullptr || load->state == ModelState::kUnavailable)) {
        Want(request, wanted, std::move(done));
        return;
      }
      if (refusal_) {
        status = *refusal_;
      } else if (wanted->files != request.files) {
        status = absl::AlreadyExistsError(fmt::format(
            "model \"{}\" is {} from {}; unload it before loading {}", request.name,
            load->state == ModelState::kReady ? "loaded" : "being loaded", wanted->files.main, request.files.main));
      } else {
        wanted->pinned = wanted->pinned || request.pinned;
        if (load->state == ModelState::kLoading) {
          AddWaiter(*load, std::move(done), request.deadline);
          return;
        }
        stamps = load->stamps;
      }
    }
    if (const std::vector<std::string> changed = ChangedFiles(stamps); !changed.empty()) {
      LogWarning("models", fmt::format("\"{}\" stays as it was loaded although its files changed ({}); unload and load "
                                       "it to use the new ones",
                                       request.name, fmt::join(changed, ", ")));
    }
    done(status);
  }

  void Unload(const std::string& name, Done<> done) {
    std::optional<LoadProgress> load = StopWanting(name);
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
    Waiters waiters;
    {
      const std::lock_guard lock(mutex_);
      refusal_ = reason;
      for (auto& [generation, load] : loads_) {
        waiters.Join(std::move(load.waiters));
      }
    }
    waiters.Complete(reason);
  }

  std::shared_ptr<const RoutingSnapshot> routing() const { return routing_.Get(); }

  std::vector<ModelStatus> List() const {
    std::vector<ModelStatus> list;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, wanted] : wanted_.models()) {
      const LoadProgress& load = loads_.at(wanted.generation);
      list.push_back({name, load.state, load.reason});
    }
    return list;
  }

  bool Settled() const {
    const std::lock_guard lock(mutex_);
    return std::none_of(wanted_.models().begin(), wanted_.models().end(), [this](const auto& entry) {
      return entry.second.pinned && loads_.at(entry.second.generation).state == ModelState::kLoading;
    });
  }

  DeviceStatus device() const { return history_.status(); }

  // What the device asks and tells.

  Step NextStep(const DeviceSnapshot& snapshot, Time now) override {
    const std::lock_guard lock(mutex_);
    for (auto& [generation, load] : loads_) {
      if (load.handle != nullptr) {
        wanted_.Find(generation)->last_used = load.handle->last_used;
      }
    }
    Step step = NextAction(wanted_, snapshot, kDevice, now);
    if (const auto* const compile = std::get_if<CompileStep>(&step)) {
      wanted_.Find(compile->generation)->attempts++;
      loads_.at(compile->generation).since = now;
    }
    return step;
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
    bool wanted = false;
    {
      const std::lock_guard lock(mutex_);
      wanted = wanted_.Find(model) != nullptr;
      if (wanted) {
        loads_.at(model).placed = false;
      }
    }
    scheduler_.PlacementChanged(kDevice, model, nullptr);
    if (!wanted) {
      scheduler_.ModelGone(model, absl::UnavailableError("the device was lost after the model was unloaded"));
    }
  }

  bool Loaded(std::unique_ptr<EngineModel> model, std::shared_ptr<CompiledModel> compiled) override {
    const ModelGeneration generation = model->generation;
    const bool from_cache = model->info.from_cache;
    std::vector<FileStamp> stamps = StampFiles(FilesOf(*model));
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
    if (!Publish(handle, std::move(stamps), from_cache)) {
      Withdraw(generation);
      return false;
    }
    return true;
  }

  void LoadFailed(ModelGeneration generation, const absl::Status& reason, bool device_lost) override {
    {
      const std::lock_guard lock(mutex_);
      WantedModel* const wanted = wanted_.Find(generation);
      if (wanted == nullptr) {
        return;
      }
      if (device_lost && LossKindOf(reason) == LossKind::kGone) {
        wanted->attempts--;  // Not the model's doing.
        return;
      }
      if (device_lost && wanted->attempts < kMostAttempts) {
        return;
      }
      if (device_lost) {
        wanted_.ForgetSuspicions();  // Jobs that ran meanwhile were blamed for what this load did.
      }
    }
    MakeUnavailable(generation, "cannot be loaded", std::string(Message(reason)));
  }

  void Suspect(ModelGeneration generation) override {
    {
      const std::lock_guard lock(mutex_);
      WantedModel* const wanted = wanted_.Find(generation);
      if (wanted == nullptr) {
        return;
      }
      const Time now = clock_.Now();
      const std::optional<Time> before = std::exchange(wanted->suspected_at, now);
      if (!before || now - *before > kSuspicionLasts) {
        return;
      }
    }
    MakeUnavailable(generation, "is unavailable",
                    "two different requests took the device down; load it again, or change its files, to give it "
                    "another chance");
  }

  void LookForChanges() override {
    std::vector<std::pair<WantedModel, std::vector<FileStamp>>> held;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, wanted] : wanted_.models()) {
        if (wanted.held) {
          held.emplace_back(wanted, loads_.at(wanted.generation).stamps);
        }
      }
    }
    for (const auto& [model, stamps] : held) {
      if (!ChangedFiles(stamps).empty() && Renew(model.generation)) {
        LogInfo("models", fmt::format("the files of \"{}\" changed; it is loaded again", model.name));
      }
    }
  }

  void RunCanaries() override { StartCanaryRound(*routing(), scheduler_, device_->watch(), clock_.Now()); }

 private:
  /// Begins a load. `wanted` is what failed before, if anything. Holds the mutex.
  void Want(const LoadRequest& request, const WantedModel* wanted, Done<> done) {
    const bool pinned = request.pinned || (wanted != nullptr && wanted->pinned);
    if (wanted != nullptr) {
      loads_.erase(wanted->generation);
    }
    LoadProgress& load = loads_[wanted_.Put(request.name, request.files, pinned).generation];
    AddWaiter(load, std::move(done), request.deadline);
    mailbox_->Wake();
  }

  /// Wants the same as a new generation; false when this one is not wanted any more.
  bool Renew(ModelGeneration generation) {
    LoadProgress old;  // Its handle is let go of without the mutex.
    const std::lock_guard lock(mutex_);
    const WantedModel* const found = wanted_.Find(generation);
    if (found == nullptr) {
      return false;
    }
    const WantedModel wanted = *found;
    old = std::move(loads_.extract(generation).mapped());
    LoadProgress& renewed = loads_[wanted_.Put(wanted.name, wanted.files, wanted.pinned).generation];
    renewed.waiters = std::move(old.waiters);
    routing_.Route(wanted.name, nullptr);
    mailbox_->Wake();
    return true;
  }

  /// Holds the mutex.
  void AddWaiter(LoadProgress& load, Done<> done, Time deadline) {
    load.waiters.Add(std::move(done), deadline);
    ArmDeadlines();
  }

  /// Holds the mutex.
  void ArmDeadlines() {
    std::optional<Time> first;
    for (const auto& [generation, load] : loads_) {
      if (const auto deadline = load.waiters.first_deadline()) {
        first = std::min(first.value_or(Time::max()), *deadline);
      }
    }
    deadlines_->Set(first);
  }

  void ExpireWaiters() {
    const DeviceStatus status = device();
    std::vector<std::pair<std::string, Waiters>> expired;
    {
      const std::lock_guard lock(mutex_);
      const Time now = clock_.Now();
      for (const auto& [name, wanted] : wanted_.models()) {
        expired.emplace_back(name, loads_.at(wanted.generation).waiters.TakeExpired(now));
      }
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

  /// The model is not served until somebody asks for it again, or its files change. `what` and `reason` say why.
  void MakeUnavailable(ModelGeneration generation, std::string_view what, const std::string& reason) {
    const std::vector<FileStamp> stamps = StampFiles(FilesOfGeneration(generation));
    std::string name;
    Waiters waiters;
    ModelHandle handle;
    {
      const std::lock_guard lock(mutex_);
      WantedModel* const wanted = wanted_.Find(generation);
      if (wanted == nullptr) {
        return;
      }
      name = wanted->name;
      LoadProgress& load = loads_.at(generation);
      waiters = std::move(load.waiters);
      handle = std::move(load.handle);
      load.handle = nullptr;
      load.state = ModelState::kUnavailable;
      load.reason = reason;
      load.stamps = stamps;
      wanted->held = true;
      // Who loaded it was told that it is there: it stays in the list.
      if (!wanted->pinned && handle == nullptr) {
        loads_.erase(generation);
        wanted_.Erase(name);
      }
      routing_.Route(name, nullptr);
    }
    LogError("models", fmt::format("\"{}\" {}: {}", name, what, reason));
    const absl::Status status = absl::UnavailableError(fmt::format("model \"{}\" {}: {}", name, what, reason));
    waiters.Complete(status);
    scheduler_.ModelGone(generation, WithRetryAfter(status, kRetryUnavailable));
  }

  std::vector<std::string> FilesOfGeneration(ModelGeneration generation) {
    const std::lock_guard lock(mutex_);
    const WantedModel* const wanted = wanted_.Find(generation);
    if (wanted == nullptr) {
      return {};
    }
    const LoadProgress& load = loads_.at(generation);
    return load.handle == nullptr ? FilesOf(wanted->files) : FilesOf(*load.handle);
  }

  /// What the model was, if it was wanted; new calls do not reach it any more.
  std::optional<LoadProgress> StopWanting(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const WantedModel* const wanted = wanted_.Find(name);
    if (wanted == nullptr) {
      return std::nullopt;
    }
    auto load = loads_.extract(wanted->generation);
    wanted_.Erase(name);
    routing_.Route(name, nullptr);
    return std::move(load.mapped());
  }

  /// The handle under which a compiled model is to serve: its own when it comes back to a device that was lost. Null
  /// when it is not wanted any more, or its contents are others than its requests were prepared for.
  ModelHandle Adopt(std::unique_ptr<EngineModel> model) {
    const std::lock_guard lock(mutex_);
    if (wanted_.Find(model->generation) == nullptr) {
      return nullptr;
    }
    const LoadProgress& load = loads_.at(model->generation);
    if (load.handle == nullptr) {
      return ModelHandle(model.release(), [mailbox = mailbox_](const EngineModel* last) {
        const ModelGeneration generation = last->generation;
        delete last;
        mailbox->Unreferenced(generation);
      });
    }
    return load.handle->info.content_hash == model->info.content_hash ? load.handle : nullptr;
  }

  /// Lets new calls reach the model, and completes its load. False when it is not wanted any more.
  bool Publish(const ModelHandle& handle, std::vector<FileStamp> stamps, bool from_cache) {
    Waiters waiters;
    Duration time{};
    {
      const std::lock_guard lock(mutex_);
      WantedModel* const wanted = wanted_.Find(handle->generation);
      if (wanted == nullptr) {
        return false;
      }
      wanted->attempts = 0;
      LoadProgress& load = loads_.at(handle->generation);
      load.state = ModelState::kReady;
      load.placed = true;
      load.handle = handle;
      load.stamps = std::move(stamps);
      waiters = std::move(load.waiters);
      time = clock_.Now() - load.since;
      routing_.Route(handle->name, handle);
    }
    LogReady(*handle, time, from_cache);
    waiters.Complete(absl::OkStatus());
    return true;
  }

  Scheduler& scheduler_;
  const Clock& clock_;
  const std::shared_ptr<DeviceMailbox> mailbox_ = std::make_shared<DeviceMailbox>();

  DeviceHistory history_;

  mutable std::mutex mutex_;
  std::optional<absl::Status> refusal_;  ///< Of loads.
  WantedSet wanted_;
  std::map<ModelGeneration, LoadProgress> loads_;  ///< One for each of wanted_.

  RoutingTable routing_;  ///< Changed under the mutex.

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

bool ModelManager::Settled() const {
  return impl_->Settled();
}

}  // namespace accelerd
