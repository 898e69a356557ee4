#include "engine/model_manager.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"
#include "engine/file_stamp.h"
#include "engine/next_action.h"
#include "engine/wanted_set.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

constexpr DeviceId kDevice{0};
// A device that was lost during a load gets the model once more; then the model is to blame.
constexpr int kMostAttempts = 2;

using Waiters = std::vector<Done<>>;

void Complete(Waiters waiters, const absl::Status& status) {
  for (Done<>& waiter : waiters) {
    waiter(status);
  }
}

/// How far the load of a wanted model is.
struct LoadProgress {
  ModelState state = ModelState::kLoading;
  std::string reason;  ///< Why it is kUnavailable.
  Waiters waiters;
  Time since{};        ///< When the device began with it.
  ModelHandle handle;  ///< From the first time that it is kReady.
  std::vector<FileStamp> stamps;
};

std::vector<std::string> FilesOf(const EngineModel& model) {
  std::vector<std::string> files = model.info.files;
  files.push_back(model.files.card);
  return files;
}

void LogReady(const EngineModel& model, Duration time) {
  LogInfo("models", fmt::format("\"{}\" is ready after {} ms: {}, {} inference{} at once{}", model.name,
                                std::chrono::duration_cast<std::chrono::milliseconds>(time).count(), model.files.main,
                                model.info.slots, model.info.slots == 1 ? "" : "s",
                                model.info.from_cache ? ", from the cache" : ""));
}

}  // namespace

class ModelManager::Impl final : public DeviceHost {
 public:
  Impl(ModelManagerOptions options, BackendFactory backend, Scheduler& scheduler, const Clock& clock)
      : scheduler_(scheduler),
        clock_(clock),
        device_(std::in_place, std::move(backend), std::move(options), *this, mailbox_, clock) {}

  ~Impl() {
    std::map<ModelGeneration, LoadProgress> loads;
    {
      const std::lock_guard lock(mutex_);
      wanted_ = WantedSet();
      loads.swap(loads_);
    }
    SwapRouting(std::make_shared<const RoutingSnapshot>());
    for (auto& [generation, load] : loads) {
      Complete(std::move(load.waiters), absl::UnavailableError("the service is shutting down"));
    }
    loads.clear();
    device_.reset();
  }

  void BeginLoad(LoadRequest request, Done<> done) {
    std::vector<FileStamp> stamps;
    absl::Status status;
    {
      const std::lock_guard lock(mutex_);
      WantedModel* const wanted = wanted_.Find(request.name);
      LoadProgress* const load = wanted == nullptr ? nullptr : &loads_.at(wanted->generation);
      if (load == nullptr || load->state == ModelState::kUnavailable) {
        Want(request, wanted, std::move(done));
        return;
      }
      if (wanted->files != request.files) {
        status = absl::AlreadyExistsError(fmt::format(
            "model \"{}\" is {} from {}; unload it before loading {}", request.name,
            load->state == ModelState::kReady ? "loaded" : "being loaded", wanted->files.main, request.files.main));
      } else {
        wanted->pinned = wanted->pinned || request.pinned;
        if (load->state == ModelState::kLoading) {
          load->waiters.push_back(std::move(done));
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
      Complete(std::move(load->waiters),
               absl::UnavailableError(fmt::format("model \"{}\" was unloaded while it was loading", name)));
      load.reset();
    }
    done(absl::OkStatus());
  }

  std::shared_ptr<const RoutingSnapshot> routing() const {
    const std::lock_guard lock(routing_mutex_);
    return routing_;
  }

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

  // What the device asks and tells.

  Step NextStep(const DeviceSnapshot& snapshot, Time now) override {
    const std::lock_guard lock(mutex_);
    Step step = NextAction(wanted_, snapshot, kDevice, now);
    if (const auto* const compile = std::get_if<CompileStep>(&step)) {
      wanted_.Find(compile->generation)->attempts++;
      loads_.at(compile->generation).since = now;
    }
    return step;
  }

  void StateChanged(DeviceState state) override { scheduler_.DeviceChanged(kDevice, state); }

  void Withdraw(ModelGeneration model) override { scheduler_.PlacementChanged(kDevice, model, nullptr); }

  bool Loaded(std::unique_ptr<EngineModel> model, std::shared_ptr<CompiledModel> compiled) override {
    const ModelGeneration generation = model->generation;
    std::vector<FileStamp> stamps = StampFiles(FilesOf(*model));
    const ModelHandle handle = Adopt(std::move(model));
    if (handle == nullptr) {
      return false;
    }
    // The scheduler first: who finds the model in the routing snapshot submits at once.
    scheduler_.PlacementChanged(kDevice, generation, std::move(compiled));
    if (!Publish(handle, std::move(stamps))) {
      Withdraw(generation);
      return false;
    }
    return true;
  }

  bool LoadFailed(ModelGeneration generation, const absl::Status& reason, bool device_lost) override {
    std::string name;
    Waiters waiters;
    ModelHandle handle;
    {
      const std::lock_guard lock(mutex_);
      const WantedModel* const wanted = wanted_.Find(generation);
      if (wanted == nullptr) {
        return true;
      }
      if (device_lost && wanted->attempts < kMostAttempts) {
        return false;
      }
      name = wanted->name;
      LoadProgress& load = loads_.at(generation);
      waiters.swap(load.waiters);
      handle = std::move(load.handle);
      load.state = ModelState::kUnavailable;
      load.reason = Message(reason);
      if (!wanted->pinned) {
        loads_.erase(generation);
        wanted_.Erase(name);
      }
      Route(name, nullptr);
    }
    LogError("models", fmt::format("\"{}\" cannot be loaded: {}", name, Message(reason)));
    Complete(std::move(waiters),
             absl::UnavailableError(fmt::format("model \"{}\" cannot be loaded: {}", name, Message(reason))));
    return true;
  }

 private:
  /// Begins a load. `wanted` is what failed before, if anything. Holds the mutex.
  void Want(const LoadRequest& request, const WantedModel* wanted, Done<> done) {
    const bool pinned = request.pinned || (wanted != nullptr && wanted->pinned);
    if (wanted != nullptr) {
      loads_.erase(wanted->generation);
    }
    LoadProgress& load = loads_[wanted_.Put(request.name, request.files, pinned).generation];
    load.waiters.push_back(std::move(done));
    mailbox_->Wake();
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
    Route(name, nullptr);
    return std::move(load.mapped());
  }

  /// The handle under which a compiled model is to serve: its own when it comes back to a device that was lost. Null
  /// when it is not wanted any more.
  ModelHandle Adopt(std::unique_ptr<EngineModel> model) {
    ModelHandle outdated;
    const std::lock_guard lock(mutex_);
    const WantedModel* const wanted = wanted_.Find(model->generation);
    if (wanted == nullptr) {
      return nullptr;
    }
    LoadProgress& load = loads_.at(model->generation);
    if (load.handle == nullptr) {
      return ModelHandle(model.release(), [mailbox = mailbox_](const EngineModel* last) {
        const ModelGeneration generation = last->generation;
        delete last;
        mailbox->Unreferenced(generation);
      });
    }
    if (load.handle->info.content_hash == model->info.content_hash) {
      return load.handle;
    }
    // Other contents than its requests were prepared for: a generation of its own.
    LogWarning("models", fmt::format("the files of \"{}\" changed; it is loaded anew", model->name));
    outdated = std::move(load.handle);
    const WantedModel renewed = *wanted;
    loads_.erase(renewed.generation);
    loads_[wanted_.Put(renewed.name, renewed.files, renewed.pinned).generation];
    Route(renewed.name, nullptr);
    return nullptr;
  }

  /// Lets new calls reach the model, and completes its load. False when it is not wanted any more.
  bool Publish(const ModelHandle& handle, std::vector<FileStamp> stamps) {
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
      load.handle = handle;
      load.stamps = std::move(stamps);
      waiters.swap(load.waiters);
      time = clock_.Now() - load.since;
      Route(handle->name, handle);
    }
    LogReady(*handle, time);
    Complete(std::move(waiters), absl::OkStatus());
    return true;
  }

  /// Makes a new snapshot, in which `name` leads to `handle`, or nowhere. Holds the mutex.
  void Route(const std::string& name, ModelHandle handle) {
    auto next = std::make_shared<RoutingSnapshot>(*routing());
    if (handle == nullptr) {
      next->erase(name);
    } else {
      (*next)[name] = std::move(handle);
    }
    SwapRouting(std::move(next));
  }

  std::shared_ptr<const RoutingSnapshot> SwapRouting(std::shared_ptr<const RoutingSnapshot> next) {
    const std::lock_guard lock(routing_mutex_);
    routing_.swap(next);
    return next;
  }

  Scheduler& scheduler_;
  const Clock& clock_;
  const std::shared_ptr<DeviceMailbox> mailbox_ = std::make_shared<DeviceMailbox>();

  mutable std::mutex mutex_;
  WantedSet wanted_;
  std::map<ModelGeneration, LoadProgress> loads_;  ///< One for each of wanted_.

  mutable std::mutex routing_mutex_;  ///< Taken by every request, and held for no work.
  std::shared_ptr<const RoutingSnapshot> routing_ = std::make_shared<const RoutingSnapshot>();

  std::optional<Device> device_;  // Last: its thread uses the rest.
};

ModelManager::ModelManager(ModelManagerOptions options, BackendFactory backend, Scheduler& scheduler,
                           const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(backend), scheduler, clock)) {}

ModelManager::~ModelManager() = default;

void ModelManager::Load(LoadRequest request, Done<> done) {
  impl_->BeginLoad(std::move(request), std::move(done));
}

void ModelManager::Unload(std::string name, Done<> done) {
  impl_->Unload(name, std::move(done));
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
