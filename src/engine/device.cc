#include "engine/device.h"

#include <sys/prctl.h>

#include <chrono>
#include <future>
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
      kept_(loading_.kept_directory),
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
    left_ = true;
    MarkLost(*mail.lost);
  }
}

/// For other threads. The scheduler first: jobs that start on a lost device count the fault as theirs; and before the
/// device's thread hears of it, which may have brought the device back by then.
void Device::ReportLoss(const absl::Status& reason) {
  const bool crash = LossKindOf(reason) == LossKind::kCrash;
  mailbox_->AnnounceLoss();
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
    const auto line = open_errors_.Admit(
        fmt::format("the device cannot be opened: {}; it is tried again until it can", Message(status)), clock_.Now());
    if (line) {
      LogWarning("device", *line);
    }
    away_ = away_ || left_;
    course_.OpenFailed(clock_.Now());
    TellWhyNotReady(status);
    return;
  }
  LogInfo("device", "the device is open");
  open_errors_.Clear();
  course_.Opened(clock_.Now());
  works_ = false;
  host_.StateChanged({DeviceState::kReady, absl::OkStatus(), {}});
  left_ = false;
  if (std::exchange(away_, false)) {
    host_.DeviceReturned();
  }
}

/// Keeps the device for a load alone: nothing runs beside it.
class Device::ExclusiveLoad {
 public:
  explicit ExclusiveLoad(const Device& device) : host_(device.host_) {
    host_.Pause(true);
    // A run that hangs is given up in the end, and the device is idle then.
    const auto idle = std::make_shared<std::promise<void>>();
    host_.NotifyIdle([idle](const absl::Status& /*status*/) { idle->set_value(); });
    idle->get_future().wait();
  }
  ~ExclusiveLoad() { host_.Pause(false); }
  ExclusiveLoad(const ExclusiveLoad&) = delete;
  ExclusiveLoad& operator=(const ExclusiveLoad&) = delete;

 private:
  DeviceHost& host_;
};

void Device::Do(const CompileStep& step) {
  std::vector<FileStamp> stamps = StampModelFiles(step.files);
  std::optional<ExclusiveLoad> exclusive;
  if (step.alone) {
    exclusive.emplace(*this);
  }
  // A loss that was reported before the load is the doing of what ran until now, even if the device answers a probe.
  const std::optional<absl::Status> reported = mailbox_->PeekLoss();
  const absl::Status there = reported ? *reported : step.alone ? backend_->Probe() : absl::OkStatus();
  if (!there.ok()) {
    MarkLost(there);
    host_.LoadFailed({.model = step.generation,
                      .reason = absl::UnavailableError(there.message()),
                      .others_work = works_,
                      .device_lost = true,
                      .begun = !reported,
                      .stamps = std::move(stamps)});
    return;
  }
  absl::StatusOr<LoadedModel> loaded = absl::UnavailableError("");
  {
    const BackendWatch::Call call(*watch_, fmt::format("loading model \"{}\"", step.name), options_.compile_timeout);
    loaded = LoadModel(step, stamps, loading_, {*backend_, canaries_, kept_});
  }
  if (loaded.ok() && !mailbox_->PeekLoss()) {
    course_.Proved();
    works_ = true;
    HandOver(*std::move(loaded));
    return;
  }
  const absl::Status status = loaded.status();
  loaded = absl::CancelledError("");  // The model leaves the device before that is opened again.
  FailLoad(step, status, std::move(stamps));
}

/// `status` is OK when the device was lost at the very end of the load.
void Device::FailLoad(const CompileStep& step, const absl::Status& status, std::vector<FileStamp> stamps) {
  // What was reported says more than the error of a call that met a lost device, which may be any.
  const std::optional<absl::Status> reported = mailbox_->PeekLoss();
  const bool lost = reported || absl::IsDataLoss(status) || (absl::IsUnavailable(status) && !backend_->Probe().ok());
  const absl::Status& reason = reported ? *reported : status;
  if (lost) {
    MarkLost(reason);
  }
  host_.LoadFailed({.model = step.generation,
                    .reason = reason,
                    .others_work = works_,
                    .device_lost = lost,
                    .stamps = std::move(stamps)});
}

void Device::HandOver(LoadedModel loaded) {
  const ModelGeneration generation = loaded.model->generation;
  // Before anybody hears that the model serves, and may change its files.
  kept_.Put(loaded.model->files, loaded.model->info, loaded.stamps);
  CompiledModel* const compiled = loaded.compiled.get();
  models_[generation] = std::move(loaded.compiled);
  course_.snapshot().placements[generation] = {};
  // The last holder only reports: a model is destroyed on this thread.
  const auto report = [mailbox = mailbox_, generation](CompiledModel*) { mailbox->Released(generation); };
  if (!host_.Loaded(std::move(loaded.model), std::shared_ptr<CompiledModel>(compiled, report),
                    std::move(loaded.stamps))) {
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
    left_ = true;
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
