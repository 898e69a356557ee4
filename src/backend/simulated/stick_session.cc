#include "backend/simulated/stick_session.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend/simulated/crash.h"
#include "base/log.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr auto kWatchInterval = std::chrono::milliseconds(20);
constexpr auto kCountInterval = std::chrono::milliseconds(100);

absl::Status NotFound(std::string_view why) {
  // What the MYRIAD plug-in says of a stick that is absent, and of one that another process holds.
  return absl::UnavailableError(fmt::format("X_LINK_DEVICE_NOT_FOUND: {}", why));
}

absl::Status GoneError() {
  return absl::UnavailableError("X_LINK_ERROR: the stick was unplugged or given up");
}

/// `factor` times as long, but no more than a day.
Duration Slowed(Duration duration, double factor) {
  const std::chrono::duration<double> most = std::chrono::hours(24);
  return factor == 1
             ? duration
             : std::chrono::duration_cast<Duration>(std::min(std::chrono::duration<double>(duration) * factor, most));
}

void Count(StickCounters& counters, FaultStage stage) {
  counters.opens += stage == FaultStage::kOpen ? 1 : 0;
  counters.loads += stage == FaultStage::kLoad ? 1 : 0;
}

}  // namespace

StickSession::StickSession(const std::string& path, Backend::OnLost on_lost)
    : file_(path),
      on_lost_(std::move(on_lost)),
      queue_([this](const SimulatedModelInfo& model) { return Plan(model); }),
      watcher_([this] { Watch(); }) {}

StickSession::~StickSession() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watcher_.join();
  if (ownership_.valid()) {
    const absl::StatusOr<StickState> ignored = file_.Update([this](StickState& state) {
      state.counters.runs += uncounted_runs_;
      state.owner = 0;
      return absl::OkStatus();
    });
  }
}

absl::Status StickSession::Open() {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    gone_ = false;
  }
  Event event;
  ACCELERD_RETURN_IF_ERROR(Take(event));
  Obey(event);
  if (event.effects.Has(FaultKind::kHang)) {
    return WaitUntilGone();
  }
  if (event.effects.Has(FaultKind::kError)) {
    return absl::UnavailableError("the stick cannot be opened (simulated fault)");
  }
  if (!Sleep(event.settings.open_time, event.effects.slow)) {
    return GoneError();
  }
  const std::lock_guard lock(mutex_);
  if (gone_) {
    return GoneError();
  }
  of_this_opening_ = event.effects;
  unplugs_ = state_.counters.unplugs;
  random_.seed(state_.counters.opens);
  open_ = true;
  queue_.Open(event.settings.slots);
  return absl::OkStatus();
}

absl::Status StickSession::Take(Event& event) {
  ownership_ = StickFile::Ownership();
  absl::StatusOr<StickFile::Ownership> ownership = file_.Own();
  if (!ownership.ok()) {
    return NotFound(Message(ownership.status()));
  }
  ownership_ = *std::move(ownership);
  const std::lock_guard synchronize(synchronize_mutex_);
  bool present = false;
  absl::StatusOr<StickState> state = file_.Update([&](StickState& edited) {
    present = edited.present;
    edited.owner = getpid();
    Count(edited.counters, FaultStage::kOpen);
    if (present) {
      event.effects = StrikeStick(edited, FaultStage::kOpen, "", WallClockSeconds());
    }
    return absl::OkStatus();
  });
  if (!state.ok()) {
    return absl::UnavailableError(std::string(Message(state.status())));
  }
  if (!state->present) {
    return NotFound(fmt::format("the stick {} is not plugged in", file_.path()));
  }
  event.settings = state->settings;
  const std::lock_guard lock(mutex_);
  state_ = *std::move(state);
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> StickSession::Load(std::string_view model, std::uint64_t memory_used) {
  if (Gone()) {
    return GoneError();
  }
  const Event event = Meet(FaultStage::kLoad, model);
  if (event.effects.Has(FaultKind::kHang)) {
    return WaitUntilGone();
  }
  if (event.effects.Has(FaultKind::kError)) {
    return absl::InternalError(fmt::format("the stick cannot load the model {} (simulated fault)", model));
  }
  const StickSettings& settings = event.settings;
  const bool full = settings.device_memory > 0 && (memory_used > settings.device_memory ||
                                                   settings.model_memory > settings.device_memory - memory_used);
  if (full || event.effects.Has(FaultKind::kOutOfMemory)) {
    return absl::ResourceExhaustedError(
        fmt::format("out of memory: the model {} takes {} bytes; {} of the stick's {} are taken", model,
                    settings.model_memory, memory_used, settings.device_memory));
  }
  if (!Sleep(settings.load_time, event.effects.slow)) {
    return GoneError();
  }
  return settings.model_memory;
}

absl::Status StickSession::Probe() {
  if (Gone()) {
    return GoneError();
  }
  const Event event = Meet(FaultStage::kProbe, "");
  if (event.effects.Has(FaultKind::kHang)) {
    return WaitUntilGone();
  }
  if (event.effects.Has(FaultKind::kError)) {
    Lose();
  }
  return Gone() ? GoneError() : absl::OkStatus();
}

void StickSession::Abandon() {
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    queue_.Fail(absl::UnavailableError("the stick was given up"));
  }
  changed_.notify_all();
}

int StickSession::slots() {
  const std::lock_guard lock(mutex_);
  return state_.settings.slots;
}

RunPlan StickSession::Plan(const SimulatedModelInfo& model) {
  {
    const std::lock_guard lock(mutex_);
    ++uncounted_runs_;
  }
  const Event event = Meet(FaultStage::kRun, model.name);
  RunPlan plan;
  const std::lock_guard lock(mutex_);
  plan.hangs = event.effects.Has(FaultKind::kHang);
  plan.wrong_output = event.effects.Has(FaultKind::kWrongOutput) || of_this_opening_.Has(FaultKind::kWrongOutput);
  const double factor = event.effects.slow * of_this_opening_.slow;
  plan.latency = Slowed(event.settings.latency.Sample(random_), factor);
  if (event.effects.Has(FaultKind::kError)) {
    plan.status = absl::InternalError("the inference failed on the stick (simulated fault)");
  }
  return plan;
}

/// Lets faults strike an event. Does not touch the file when nothing in it concerns the event.
StickSession::Event StickSession::Meet(FaultStage stage, std::string_view model) {
  if (stage == FaultStage::kRun || stage == FaultStage::kProbe) {
    if (auto event = NothingNew(stage)) {
      return *event;
    }
  }
  Event event = Synchronize(stage, model);
  Obey(event);
  return event;
}

/// An event that nothing strikes; unset when the file has to be looked at. Not while another thread does so: the file
/// counts as seen before the state that it holds is known.
std::optional<StickSession::Event> StickSession::NothingNew(FaultStage stage) {
  const std::lock_guard synchronize(synchronize_mutex_);
  if (file_.Changed()) {
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  return HasFaults(state_.faults, stage) ? std::nullopt : std::optional(Event{FaultEffects(), state_.settings});
}

/// Reads and writes the file, and notices what it says.
StickSession::Event StickSession::Synchronize(FaultStage stage, std::string_view model) {
  Event event;
  bool unplugged = false;
  {
    const std::lock_guard synchronize(synchronize_mutex_);
    std::uint64_t runs = 0;
    {
      const std::lock_guard lock(mutex_);
      runs = uncounted_runs_;
    }
    const absl::StatusOr<StickState> state = file_.Update([&](StickState& edited) {
      edited.counters.runs += runs;
      Count(edited.counters, stage);
      event.effects = StrikeStick(edited, stage, model, WallClockSeconds());
      return absl::OkStatus();
    });
    const std::lock_guard lock(mutex_);
    written_ = Clock::Steady().Now();
    const std::string error(state.ok() ? "" : Message(state.status()));
    if (error != std::exchange(last_error_, error) && !error.empty()) {
      LogWarning("simulated", fmt::format("the stick goes on as it was: {}", error));
    }
    if (state.ok()) {
      state_ = *state;
      uncounted_runs_ -= runs;
      unplugged = open_ && (!state_.present || state_.counters.unplugs != unplugs_);
    }
    event.settings = state_.settings;
  }
  if (unplugged) {
    Lose();
  }
  return event;
}

void StickSession::Obey(const Event& event) {
  if (event.effects.Has(FaultKind::kScribble)) {
    ScribbleAndCrashProcess();
  }
  if (event.effects.Has(FaultKind::kCrash)) {
    CrashProcess();
  }
}

/// False when the stick is gone before.
bool StickSession::Sleep(Duration duration, double factor) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, Slowed(duration, factor), [this] { return gone_; });
}

absl::Status StickSession::WaitUntilGone() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gone_; });
  return GoneError();
}

bool StickSession::Gone() {
  const std::lock_guard lock(mutex_);
  return gone_;
}

void StickSession::Lose() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(gone_, true)) {
      return;
    }
    queue_.Fail(GoneError());
  }
  changed_.notify_all();
  on_lost_(GoneError());
}

void StickSession::Watch() {
  prctl(PR_SET_NAME, "stick-watch");
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kWatchInterval, [this] { return stopping_; })) {
    if (open_ && !gone_) {
      lock.unlock();
      if (HasNews()) {
        Obey(Synchronize(FaultStage::kNow, ""));
      }
      lock.lock();
    }
  }
}

/// Whether the file was changed, a fault is due by the clock, or runs are to be counted.
bool StickSession::HasNews() {
  if (file_.Changed()) {
    return true;
  }
  const std::lock_guard lock(mutex_);
  StickState due = state_;
  const double now = WallClockSeconds();
  return ApplySchedule(due, now) || StrikeStick(due, FaultStage::kNow, "", now).kinds.any() ||
         (uncounted_runs_ > 0 && Clock::Steady().Now() - written_ >= kCountInterval);
}

}  // namespace accelerd
