#include "engine/load_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend/backend.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

// A device that goes down during a load gets the model once more; then the model is to blame.
constexpr int kMostAttempts = 2;
constexpr std::chrono::minutes kSuspicionLasts{10};

}  // namespace

std::vector<std::string> FilesOfModel(const EngineModel& model) {
  std::vector<std::string> files = model.info.files;
  files.push_back(model.files.card);
  return files;
}

LoadTable::Begun LoadTable::Begin(const LoadRequest& request, Done<>& done) {
  if (refusal_) {
    return {.answer = refusal_};
  }
  WantedModel* const wanted = wanted_.Find(request.name);
  LoadProgress* load = wanted == nullptr ? nullptr : &loads_.at(wanted->generation);
  if (load == nullptr || load->state == ModelState::kUnavailable) {
    const bool pinned = request.pinned || (wanted != nullptr && wanted->pinned);
    // Of the same files those stay wanted that the service's own configuration named: they may be more than a client's.
    const bool keeps = wanted != nullptr && wanted->pinned && wanted->files.SamePlace(request.files);
    const ModelFiles files = keeps ? wanted->files : request.files;
    if (wanted != nullptr) {
      loads_.erase(wanted->generation);
    }
    Restart(request.name, files, pinned).waiters.Add(std::move(done), request.deadline);
    return {.starts = true};
  }
  if (!wanted->files.SamePlace(request.files)) {
    return {
        .answer = absl::AlreadyExistsError(fmt::format(
            "model \"{}\" is {} from {}; unload it before loading {}", request.name,
            load->state == ModelState::kReady ? "loaded" : "being loaded", wanted->files.main, request.files.main))};
  }
  if (request.pinned) {
    wanted->pinned = true;
    wanted->files = request.files;
  }
  if (load->state == ModelState::kLoading) {
    load->waiters.Add(std::move(done), request.deadline);
    return {};
  }
  return {.answer = absl::OkStatus(), .stamps = load->stamps};
}

Waiters LoadTable::Refuse(const absl::Status& reason) {
  refusal_ = reason;
  Waiters waiters;
  for (auto& [generation, load] : loads_) {
    waiters.Join(std::move(load.waiters));
  }
  return waiters;
}

std::optional<LoadProgress> LoadTable::Remove(const std::string& name) {
  const WantedModel* const wanted = wanted_.Find(name);
  if (wanted == nullptr) {
    return std::nullopt;
  }
  auto load = loads_.extract(wanted->generation);
  wanted_.Erase(name);
  routing_.Route(name, nullptr);
  return std::move(load.mapped());
}

std::map<ModelGeneration, LoadProgress> LoadTable::Clear() {
  wanted_ = WantedSet();
  routing_.Clear();
  return std::exchange(loads_, {});
}

Step LoadTable::NextStep(const DeviceSnapshot& snapshot, DeviceId device, Time now) {
  for (auto& [generation, load] : loads_) {
    if (load.handle != nullptr) {
      wanted_.Find(generation)->last_used = load.handle->last_used;
    }
  }
  Step step = NextAction(wanted_, snapshot, device, now);
  if (const auto* const compile = std::get_if<CompileStep>(&step)) {
    wanted_.Find(compile->generation)->attempts++;
    loads_.at(compile->generation).since = now;
  }
  return step;
}

ModelHandle LoadTable::Adopt(std::unique_ptr<EngineModel> model, Release release) {
  if (!Wants(model->generation)) {
    return nullptr;
  }
  const LoadProgress& load = loads_.at(model->generation);
  if (load.handle == nullptr) {
    return {model.release(), std::move(release)};
  }
  return load.handle->info.content_hash == model->info.content_hash ? load.handle : nullptr;
}

std::optional<LoadTable::Published> LoadTable::Publish(const ModelHandle& handle, std::vector<FileStamp> stamps,
                                                       Time now) {
  WantedModel* const wanted = wanted_.Find(handle->generation);
  if (wanted == nullptr) {
    return std::nullopt;
  }
  wanted->attempts = 0;
  LoadProgress& load = loads_.at(handle->generation);
  load.state = ModelState::kReady;
  load.placed = true;
  load.handle = handle;
  load.stamps = std::move(stamps);
  routing_.Route(handle->name, handle);
  return Published{.waiters = std::exchange(load.waiters, {}), .time = now - load.since};
}

bool LoadTable::Withdraw(ModelGeneration generation) {
  const auto load = loads_.find(generation);
  if (load == loads_.end()) {
    return false;
  }
  load->second.placed = false;
  return true;
}

bool LoadTable::BlamesLoad(ModelGeneration generation, const absl::Status& reason, bool device_lost) {
  WantedModel* const wanted = wanted_.Find(generation);
  if (wanted == nullptr) {
    return false;
  }
  if (!device_lost) {
    return true;
  }
  if (LossKindOf(reason) == LossKind::kGone) {
    wanted->attempts--;
    return false;
  }
  if (wanted->attempts < kMostAttempts) {
    return false;
  }
  wanted_.ForgetSuspicions();  // Jobs that ran meanwhile were blamed for what this load did.
  return true;
}

bool LoadTable::BlamesJob(ModelGeneration generation, Time now) {
  WantedModel* const wanted = wanted_.Find(generation);
  if (wanted == nullptr) {
    return false;
  }
  const std::optional<Time> before = std::exchange(wanted->suspected_at, now);
  return before && now - *before <= kSuspicionLasts;
}

std::optional<LoadTable::Failed> LoadTable::MakeUnavailable(ModelGeneration generation, const std::string& reason,
                                                            std::vector<FileStamp> stamps) {
  WantedModel* const wanted = wanted_.Find(generation);
  if (wanted == nullptr) {
    return std::nullopt;
  }
  LoadProgress& load = loads_.at(generation);
  Failed failed{
      .name = wanted->name, .waiters = std::exchange(load.waiters, {}), .handle = std::exchange(load.handle, nullptr)};
  load.state = ModelState::kUnavailable;
  load.reason = reason;
  load.stamps = std::move(stamps);
  wanted->held = true;
  if (!wanted->pinned && failed.handle == nullptr) {
    loads_.erase(generation);
    wanted_.Erase(failed.name);
  }
  routing_.Route(failed.name, nullptr);
  return failed;
}

std::optional<LoadProgress> LoadTable::Renew(ModelGeneration generation) {
  const WantedModel* const found = wanted_.Find(generation);
  if (found == nullptr) {
    return std::nullopt;
  }
  const WantedModel wanted = *found;
  LoadProgress old = std::move(loads_.extract(generation).mapped());
  Restart(wanted.name, wanted.files, wanted.pinned).waiters = std::exchange(old.waiters, {});
  routing_.Route(wanted.name, nullptr);
  return old;
}

std::vector<std::pair<WantedModel, std::vector<FileStamp>>> LoadTable::Held() const {
  std::vector<std::pair<WantedModel, std::vector<FileStamp>>> held;
  for (const auto& [name, wanted] : wanted_.models()) {
    if (wanted.held) {
      held.emplace_back(wanted, loads_.at(wanted.generation).stamps);
    }
  }
  return held;
}

std::vector<std::pair<std::string, Waiters>> LoadTable::TakeExpired(Time now) {
  std::vector<std::pair<std::string, Waiters>> expired;
  for (const auto& [name, wanted] : wanted_.models()) {
    expired.emplace_back(name, loads_.at(wanted.generation).waiters.TakeExpired(now));
  }
  return expired;
}

std::optional<Time> LoadTable::first_deadline() const {
  std::optional<Time> first;
  for (const auto& [generation, load] : loads_) {
    if (const auto deadline = load.waiters.first_deadline()) {
      first = std::min(first.value_or(Time::max()), *deadline);
    }
  }
  return first;
}

std::vector<std::string> LoadTable::FilesOf(ModelGeneration generation) const {
  const WantedModel* const wanted = wanted_.Find(generation);
  if (wanted == nullptr) {
    return {};
  }
  const ModelHandle& handle = loads_.at(generation).handle;
  return handle != nullptr ? FilesOfModel(*handle)
                           : std::vector<std::string>{wanted->files.main, wanted->files.weights(), wanted->files.card};
}

std::vector<ModelStatus> LoadTable::List() const {
  std::vector<ModelStatus> list;
  for (const auto& [name, wanted] : wanted_.models()) {
    const LoadProgress& load = loads_.at(wanted.generation);
    list.push_back({name, load.state, load.reason});
  }
  return list;
}

bool LoadTable::Settled() const {
  return std::none_of(wanted_.models().begin(), wanted_.models().end(), [this](const auto& entry) {
    return entry.second.pinned && loads_.at(entry.second.generation).state == ModelState::kLoading;
  });
}

LoadProgress& LoadTable::Restart(const std::string& name, const ModelFiles& files, bool pinned) {
  return loads_[wanted_.Put(name, files, pinned).generation];
}

}  // namespace accelerd
