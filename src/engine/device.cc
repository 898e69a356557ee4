#include "engine/device.h"

#include <sys/prctl.h>

#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "base/log.h"
#include "fmt/core.h"

namespace accelerd {

Device::Device(BackendFactory factory, DeviceOptions options, ModelLoaderOptions loading, DeviceHost& host,
               std::shared_ptr<DeviceMailbox> mailbox, const Clock& clock)
    : factory_(std::move(factory)),
      options_(std::move(options)),
      loading_(std::move(loading)),
      host_(host),
      mailbox_(std::move(mailbox)),
      clock_(clock),
      course_({.recovers_hangs = options_.recovers_hangs,
               .probe_interval = options_.probe_interval,
               .canary_interval = options_.canary_interval}),
      canaries_(options_.state_directory),
      watch_(std::make_shared<BackendWatch>([this](const absl::Status& reason) { ReportLoss(reason); }, clock)),
      thread_([this] { Run(); }) {}

Device::~Device() {
  mailbox_->Stop();
  if (options_.recovers_hangs) {
    watch_->EndCall();
  }
  thread_.join();
  watch_->Close();
}

void Device::Run() {
  prctl(PR_SET_NAME, "device");
  for (;;) {
    ReadMail();
    const DeviceSnapshot& snapshot = course_.snapshot();
    if (snapshot.closing && snapshot.placements.empty()) {
      break;
    }
    const Step next = host_.NextStep(snapshot, clock_.Now());
    std::visit([this](const auto& step) { Do(step); }, next);
  }
  watch_->Attach(nullptr);
  backend_.reset();
}

void Device::ReadMail() {
  const DeviceMailbox::Mail mail = mailbox_->Take();
  DeviceSnapshot& snapshot = course_.snapshot();
  snapshot.closing = snapshot.closing || mail.stop;
  for (const ModelGeneration model : mail.unreferenced) {
    if (const auto placement = snapshot.placements.find(model); placement != snapshot.placements.end()) {
      placement->second.referenced = false;
    }
  }
  for (const ModelGeneration model : mail.released) {
    snapshot.placements.at(model).state = PlacementState::kReleased;
  }
  for (const ModelGeneration model : mail.suspects) {
    host_.Suspect(model);
  }
  if (mail.lost && snapshot.state == DeviceState::kReady) {
    MarkLost(*mail.lost);
  }
}

/// For other threads. The scheduler first: jobs that start on a lost device count the fault as theirs; and before the
/// device's thread hears of it, which may have brought the device back by then.
void Device::ReportLoss(const absl::Status& reason) {
  const bool crash = LossKindOf(reason) == LossKind::kCrash;
  host_.StateChanged({course_.StateAfter(reason), reason, {.crash = crash, .retry_at = clock_.Now()}});
  mailbox_->Lost(reason);
}

void Device::MarkLost(const absl::Status& reason) {
  course_.Lost(reason, clock_.Now());
  TellWhyNotReady(reason);
}

void Device::TellWhyNotReady(const absl::Status& reason) {
  const DeviceSnapshot& now = course_.snapshot();
  host_.StateChanged({now.state, reason, {.crash = false, .retry_at = *now.open_after}});
}

absl::Status Device::OpenBackend() {
  if (backend_ == nullptr) {
    ACCELERD_ASSIGN_OR_RETURN(backend_, factory_([this](const absl::Status& reason) { ReportLoss(reason); }));
    watch_->Attach(backend_.get());
  }
  const BackendWatch::Call call(*watch_, "opening the device", options_.open_timeout);
  return backend_->Open();
}

void Device::Do(const OpenStep& /*step*/) {
  course_.OpenBegins();
  const absl::Status status = OpenBackend();
  if (!status.ok()) {
    if (last_open_error_ != Message(status)) {
      last_open_error_ = Message(status);
      LogWarning("device",
                 fmt::format("the device cannot be opened: {}; it is tried again until it can", last_open_error_));
    }
    course_.OpenFailed(clock_.Now());
    TellWhyNotReady(status);
    return;
  }
  LogInfo("device", "the device is open");
  last_open_error_.clear();
  course_.Opened(clock_.Now());
  host_.StateChanged({DeviceState::kReady, absl::OkStatus(), {}});
}

/// The device to itself: nothing runs beside it.
class Device::Solitude {
 public:
  explicit Solitude(const Device& device) : host_(device.host_) {
    host_.Pause(true);
    // What hangs there is given up, and then it is not busy any more.
    while (host_.Busy()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ~Solitude() { host_.Pause(false); }
  Solitude(const Solitude&) = delete;
  Solitude& operator=(const Solitude&) = delete;

 private:
  DeviceHost& host_;
};

void Device::Do(const CompileStep& step) {
  std::optional<Solitude> solitude;
  if (step.alone) {
    solitude.emplace(*this);
    // What ran until now may have taken the device down: that is not this load's doing.
    if (const absl::Status there = backend_->Probe(); !there.ok()) {
      MarkLost(there);
      host_.LoadFailed(step.generation, absl::UnavailableError(there.message()), /*device_lost=*/true);
      return;
    }
  }
  absl::StatusOr<LoadedModel> loaded = absl::UnavailableError("");
  {
    const BackendWatch::Call call(*watch_, fmt::format("loading model \"{}\"", step.name), options_.compile_timeout);
    loaded = LoadModel(step, loading_, *backend_, canaries_);
  }
  if (!loaded.ok()) {
    const bool lost =
        absl::IsDataLoss(loaded.status()) || (absl::IsUnavailable(loaded.status()) && !backend_->Probe().ok());
    if (lost) {
      MarkLost(loaded.status());
    }
    host_.LoadFailed(step.generation, loaded.status(), lost);
    return;
  }
  course_.Proved();
  HandOver(*std::move(loaded));
}

void Device::HandOver(LoadedModel loaded) {
  const ModelGeneration generation = loaded.model->generation;
  CompiledModel* const compiled = loaded.compiled.get();
  models_[generation] = std::move(loaded.compiled);
  course_.snapshot().placements[generation] = {};
  // The last holder only reports: a model is destroyed on this thread.
  const auto report = [mailbox = mailbox_, generation](CompiledModel*) { mailbox->Released(generation); };
  if (!host_.Loaded(std::move(loaded.model), std::shared_ptr<CompiledModel>(compiled, report))) {
    course_.snapshot().placements[generation].state = PlacementState::kUnloading;
  }
}

void Device::Do(const WithdrawStep& step) {
  course_.snapshot().placements.at(step.generation).state = PlacementState::kUnloading;
  host_.Withdraw(step.generation);
}

void Device::Do(const DestroyStep& step) {
  models_.erase(step.generation);
  course_.snapshot().placements.erase(step.generation);
}

void Device::Do(const ProbeStep& /*step*/) {
  absl::Status status;
  {
    const BackendWatch::Call call(*watch_, "asking the device whether it is there", options_.open_timeout);
    status = backend_->Probe();
  }
  course_.Probed(clock_.Now());
  if (!status.ok()) {
    MarkLost(status);
    return;
  }
  course_.Proved();
  host_.LookForChanges();
}

void Device::Do(const CanaryStep& /*step*/) {
  course_.CanariesRan(clock_.Now());
  host_.RunCanaries();
}

void Device::Do(const WaitStep& step) {
  mailbox_->Wait(step.until, clock_);
}

}  // namespace accelerd
