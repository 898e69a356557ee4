#include "engine/load_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend/backend.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

// How many loads in a row may lose the device before the model is to blame. From the second one on, the load has the
// device to itself.
constexpr int kMostCrashedLoads = 2;
constexpr int kMostLostLoads = 3;
constexpr std::chrono::minutes kSuspicionLasts{10};

absl::Status NameIsTaken(const LoadRequest& request, std::string_view state, const ModelFiles& files) {
  return absl::AlreadyExistsError(fmt::format("model \"{}\" is {} from {}; unload it before loading {}", request.name,
                                              state, files.main, request.files.main));
}

/// A call that comes when the files are being read already may mean newer ones.
void AddWaiter(LoadProgress& load, const LoadRequest& request, Done<>& done) {
  load.waiters.Add(std::move(done), request.deadline, load.reading ? std::optional(request) : std::nullopt);
}

/// The state of a model that was READY, on a device that may be away.
void DescribeLoaded(const LoadProgress& load, const DeviceStatus& device, ModelStatus& status) {
  if (device.state == DeviceState::kReady && load.placed) {
    status.state = ModelState::kReady;
  } else if (device.state == DeviceState::kStuck) {
    status.state = ModelState::kUnavailable;
    status.reason = WhyNotReady(device);
  } else if (device.state != DeviceState::kReady) {
    status.state = ModelState::kLoading;
    status.reason = WhyNotReady(device);
  } else {
    status.state = ModelState::kLoading;
    status.reason = load.reason.empty() ? "it is loaded again, as the device was lost" : load.reason;
  }
}

}  // namespace

LoadTable::Begun LoadTable::Begin(const LoadRequest& request, Done<>& done) {
  if (refusal_) {
    return {.answer = refusal_};
  }
  Configure(request);
  WantedModel* const wanted = wanted_.Find(request.name);
  if (wanted == nullptr) {
    if (const absl::Status room = MakeRoom(request); !room.ok()) {
      return {.answer = room};
    }
    return Start(request, done);
  }
  LoadProgress& load = loads_.at(wanted->generation);
  if (load.state == ModelState::kUnavailable) {
    if (const absl::Status fits = CheckBytes(request, 0); !fits.ok()) {
      return {.answer = fits};
    }
    loads_.erase(wanted->generation);
    return Start(request, done);
  }
  const bool same = wanted->files.SamePlace(request.files);
  if (load.state == ModelState::kLoading) {
    if (!same) {
      return {.answer = NameIsTaken(request, "being loaded", wanted->files)};
    }
    AddWaiter(load, request, done);
    return {};
  }
  if (!same && !request.replace) {
    return {.answer = NameIsTaken(request, "loaded", wanted->files)};
  }
  return {.serving = wanted->generation, .stamps = same ? load.stamps : std::vector<FileStamp>(), .other_files = !same};
}

LoadTable::Begun LoadTable::Replace(const LoadRequest& request, ModelGeneration serving, Done<>& done) {
  if (refusal_) {
    return {.answer = refusal_};
  }
  const WantedModel* const wanted = wanted_.Find(request.name);
  if (wanted == nullptr || wanted->generation != serving || loads_.at(serving).state != ModelState::kReady) {
    return {.serving = serving};
  }
  if (const WantedModel* const under_way = wanted_.FindReplacement(request.name)) {
    if (!under_way->files.SamePlace(request.files)) {
      return {.answer = NameIsTaken(request, "being loaded", under_way->files)};
    }
    AddWaiter(loads_.at(under_way->generation), request, done);
    return {};
  }
  if (const absl::Status fits = CheckBytes(request, loads_.at(serving).bytes); !fits.ok()) {
    return {.answer = fits};
  }
  WantedModel& replacement = wanted_.PutReplacement(request.name, FilesOf(request));
  replacement.client = request.client;
  LoadProgress& load = loads_[replacement.generation];
  load.bytes = request.bytes;
  AddWaiter(load, request, done);
  return {.starts = true};
}

LoadTable::Begun LoadTable::Start(const LoadRequest& request, Done<>& done) {
  const bool pinned = configured_.contains(request.name);
  WantedModel& wanted = wanted_.Put(request.name, FilesOf(request), pinned);
  wanted.client = pinned ? std::string() : request.client;
  LoadProgress& load = loads_[wanted.generation];
  load.bytes = request.bytes;
  AddWaiter(load, request, done);
  return {.starts = true};
}

/// Remembers what the service's own configuration asks for. It may open more files than a client's request for the same
/// model, so its files count from now on.
void LoadTable::Configure(const LoadRequest& request) {
  if (!request.pinned) {
    return;
  }
  configured_[request.name] = request.files;
  if (WantedModel* const wanted = wanted_.Find(request.name);
      wanted != nullptr && wanted->files.SamePlace(request.files)) {
    wanted->files = request.files;
    wanted->pinned = true;
    wanted->client.clear();
  }
}

const ModelFiles& LoadTable::FilesOf(const LoadRequest& request) const {
  return IsConfigured(request) ? configured_.at(request.name) : request.files;
}

bool LoadTable::IsConfigured(const LoadRequest& request) const {
  const auto own = configured_.find(request.name);
  return own != configured_.end() && own->second.SamePlace(request.files);
}

Waiters LoadTable::Refuse(const absl::Status& reason) {
  refusal_ = reason;
  Waiters waiters;
  for (auto& [generation, load] : loads_) {
    waiters.Join(std::move(load.waiters));
  }
  return waiters;
}

std::vector<LoadProgress> LoadTable::Remove(const std::string& name) {
  std::vector<LoadProgress> removed;
  for (const WantedModel* const wanted : {wanted_.Find(name), wanted_.FindReplacement(name)}) {
    if (wanted != nullptr) {
      removed.push_back(std::move(loads_.extract(wanted->generation).mapped()));
    }
  }
  wanted_.Erase(name);
  routing_.Route(name, nullptr);
  return removed;
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
  if (auto* const compile = std::get_if<CompileStep>(&step)) {
    LoadProgress& load = loads_.at(compile->generation);
    load.since = now;
    load.reading = true;
    compile->restores = load.handle;
    compile->stamps = load.handle != nullptr ? load.stamps : std::vector<FileStamp>();
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
  wanted->lost_loads = 0;
  wanted->blamed_loads = 0;
  wanted->crashed_loads = 0;
  LoadProgress& load = loads_.at(handle->generation);
  if (load.handle == nullptr) {
    load.bytes = TotalBytes(stamps);
    load.stamps = std::move(stamps);
  }
  load.state = ModelState::kReady;
  load.reason.clear();
  load.placed = true;
  load.reading = false;
  load.handle = handle;
  Published published{.waiters = std::exchange(load.waiters, {}), .time = now - load.since, .replaced = std::nullopt};
  if (wanted_.IsReplacement(handle->generation)) {
    published.replaced = std::move(loads_.extract(wanted_.Find(handle->name)->generation).mapped());
    wanted_.Promote(handle->name);
  }
  routing_.Route(handle->name, handle);
  return published;
}

bool LoadTable::Withdraw(ModelGeneration generation) {
  const auto load = loads_.find(generation);
  if (load == loads_.end()) {
    return false;
  }
  load->second.placed = false;
  return true;
}

bool LoadTable::BlamesLoad(const FailedLoad& failed) {
  WantedModel* const wanted = wanted_.Find(failed.model);
  if (wanted == nullptr) {
    return false;
  }
  LoadProgress& load = loads_.at(failed.model);
  load.reading = false;
  if (!failed.device_lost) {
    return true;
  }
  if (!failed.begun) {
    return false;
  }
  const LossKind kind = LossKindOf(failed.reason);
  wanted->lost_loads++;
  wanted->blamed_loads += absl::IsDataLoss(failed.reason) && !failed.others_work ? 0 : 1;
  wanted->crashed_loads += kind == LossKind::kGone ? 0 : 1;
  const bool stopped_all = kind == LossKind::kUnresponsive && !wanted->pinned && load.handle == nullptr;
  if (!stopped_all && wanted->crashed_loads < kMostCrashedLoads && wanted->blamed_loads < kMostLostLoads) {
    load.reason = fmt::format("the device was lost while it was loaded, {} time{} in a row; it is tried again: {}",
                              wanted->lost_loads, wanted->lost_loads == 1 ? "" : "s", Message(failed.reason));
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
                                                            std::optional<std::vector<FileStamp>> stamps) {
  WantedModel* const wanted = wanted_.Find(generation);
  if (wanted == nullptr) {
    return std::nullopt;
  }
  LoadProgress& load = loads_.at(generation);
  Failed failed{.name = wanted->name,
                .waiters = std::exchange(load.waiters, {}),
                .handle = std::exchange(load.handle, nullptr),
                .was_replacement = wanted_.IsReplacement(generation)};
  if (failed.was_replacement) {
    loads_.erase(generation);
    wanted_.EraseReplacement(failed.name);
    return failed;
  }
  routing_.Route(failed.name, nullptr);
  if (wanted_.FindReplacement(failed.name) != nullptr) {
    loads_.erase(generation);
    wanted_.Promote(failed.name);
    return failed;
  }
  load.state = ModelState::kUnavailable;
  load.reason = reason;
  if (stamps) {
    load.stamps = *std::move(stamps);
  }
  wanted->held = true;
  return failed;
}

bool LoadTable::Renew(ModelGeneration generation) {
  const WantedModel* const found = wanted_.Find(generation);
  if (found == nullptr) {
    return false;
  }
  const WantedModel old = *found;
  LoadProgress load = std::move(loads_.extract(generation).mapped());
  WantedModel& wanted = wanted_.Put(old.name, old.files, old.pinned);
  wanted.client = old.client;
  LoadProgress& fresh = loads_[wanted.generation];
  fresh.bytes = load.bytes;
  fresh.waiters = std::move(load.waiters);
  routing_.Route(old.name, nullptr);
  return true;
}

std::vector<std::string> LoadTable::DeviceReturned() {
  std::vector<ModelGeneration> left;
  for (const auto& [name, model] : wanted_.models()) {
    if (model.held && model.blamed_loads >= kMostLostLoads && model.crashed_loads < kMostCrashedLoads) {
      left.push_back(model.generation);
    }
  }
  std::vector<std::string> names;
  for (const ModelGeneration generation : left) {
    const std::string& name = names.emplace_back(wanted_.Find(generation)->name);
    Renew(generation);
    WantedModel& wanted = *wanted_.Find(name);
    wanted.lost_loads = wanted.blamed_loads = kMostLostLoads - 1;
  }
  return names;
}

std::vector<LoadTable::Stamped> LoadTable::Held() const {
  std::vector<Stamped> held;
  for (const auto& [name, wanted] : wanted_.models()) {
    if (wanted.held) {
      held.push_back({name, wanted.generation, loads_.at(wanted.generation).stamps});
    }
  }
  return held;
}

std::vector<LoadTable::Stamped> LoadTable::Served() const {
  std::vector<Stamped> served;
  for (const auto& [name, wanted] : wanted_.models()) {
    if (loads_.at(wanted.generation).state == ModelState::kReady) {
      served.push_back({name, wanted.generation, loads_.at(wanted.generation).stamps});
    }
  }
  return served;
}

std::vector<std::pair<std::string, Waiters>> LoadTable::TakeExpired(Time now) {
  std::vector<std::pair<std::string, Waiters>> expired;
  for (auto& [generation, load] : loads_) {
    if (Waiters waiters = load.waiters.TakeExpired(now); !waiters.empty()) {
      expired.emplace_back(wanted_.Find(generation)->name, std::move(waiters));
    }
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

std::vector<ModelStatus> LoadTable::List(const DeviceStatus& device) const {
  std::vector<ModelStatus> list;
  for (const auto& [name, wanted] : wanted_.models()) {
    const LoadProgress& load = loads_.at(wanted.generation);
    ModelStatus& status = list.emplace_back();
    status.name = name;
    status.state = load.state;
    status.reason = load.reason;
    status.loaded = load.state == ModelState::kReady;
    status.configured = wanted.pinned;
    if (status.loaded) {
      status.reason.clear();
      DescribeLoaded(load, device, status);
    } else if (load.state == ModelState::kLoading && device.state != DeviceState::kReady) {
      status.reason = WhyNotReady(device);
    }
  }
  return list;
}

}  // namespace accelerd
