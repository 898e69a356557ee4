#include "engine/device.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "base/log.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr Duration kFirstBackoff = std::chrono::milliseconds(200);
constexpr Duration kLongestBackoff = std::chrono::seconds(5);

}  // namespace

Device::Device(BackendFactory factory, ModelLoaderOptions options, DeviceHost& host,
               std::shared_ptr<DeviceMailbox> mailbox, const Clock& clock)
    : factory_(std::move(factory)),
      options_(std::move(options)),
      host_(host),
      mailbox_(std::move(mailbox)),
      clock_(clock),
      backoff_(kFirstBackoff),
      thread_([this] { Run(); }) {}

Device::~Device() {
  mailbox_->Stop();
  thread_.join();
}

void Device::Run() {
  prctl(PR_SET_NAME, "device");
  for (;;) {
    ReadMail();
    if (snapshot_.closing && snapshot_.placements.empty()) {
      break;
    }
    const Step next = host_.NextStep(snapshot_, clock_.Now());
    std::visit([this](const auto& step) { Do(step); }, next);
  }
  backend_.reset();
}

void Device::ReadMail() {
  const DeviceMailbox::Mail mail = mailbox_->Take();
  snapshot_.closing = snapshot_.closing || mail.stop;
  for (const ModelGeneration model : mail.unreferenced) {
    if (const auto placement = snapshot_.placements.find(model); placement != snapshot_.placements.end()) {
      placement->second.referenced = false;
    }
  }
  for (const ModelGeneration model : mail.released) {
    snapshot_.placements.at(model).state = PlacementState::kReleased;
  }
  if (mail.lost && snapshot_.state == DeviceState::kReady) {
    MarkLost(*mail.lost);
  }
}

void Device::MarkLost(const absl::Status& reason) {
  LogWarning("device", fmt::format("the device is lost: {}", Message(reason)));
  snapshot_.state = DeviceState::kLost;
  host_.StateChanged(DeviceState::kLost);
  // At once, unless it is lost again and again.
  snapshot_.open_after = opened_at_ + kFirstBackoff;
}

absl::Status Device::OpenBackend() {
  if (backend_ == nullptr) {
    ACCELERD_ASSIGN_OR_RETURN(backend_, factory_([mailbox = mailbox_, &host = host_](absl::Status reason) {
                                mailbox->Lost(std::move(reason));
                                // At once: the thread may be compiling, and jobs that start on a lost device count the
                                // fault as theirs.
                                host.StateChanged(DeviceState::kLost);
                              }));
  }
  return backend_->Open();
}

void Device::Do(const OpenStep& /*step*/) {
  const absl::Status status = OpenBackend();
  if (!status.ok()) {
    if (last_open_error_ != Message(status)) {
      last_open_error_ = Message(status);
      LogWarning("device",
                 fmt::format("the device cannot be opened: {}; it is tried again until it can", last_open_error_));
    }
    snapshot_.open_after = clock_.Now() + backoff_;
    backoff_ = std::min(2 * backoff_, kLongestBackoff);
    return;
  }
  LogInfo("device", "the device is open");
  last_open_error_.clear();
  backoff_ = kFirstBackoff;
  opened_at_ = clock_.Now();
  snapshot_.open_after.reset();
  snapshot_.state = DeviceState::kReady;
  host_.StateChanged(DeviceState::kReady);
}

void Device::Do(const CompileStep& step) {
  absl::StatusOr<LoadedModel> loaded = LoadModel(step, options_, *backend_);
  if (!loaded.ok()) {
    const bool lost = absl::IsUnavailable(loaded.status()) && !backend_->Probe().ok();
    if (lost) {
      MarkLost(loaded.status());
    }
    if (host_.LoadFailed(step.generation, loaded.status(), lost)) {
      snapshot_.placements[step.generation].state = PlacementState::kUnavailable;
    }
    return;
  }
  CompiledModel* const compiled = loaded->compiled.get();
  models_[step.generation] = std::move(loaded->compiled);
  snapshot_.placements[step.generation] = {};
  // The last holder only reports: a model is destroyed on this thread.
  const auto report = [mailbox = mailbox_, generation = step.generation](CompiledModel*) {
    mailbox->Released(generation);
  };
  if (!host_.Loaded(std::move(loaded->model), std::shared_ptr<CompiledModel>(compiled, report))) {
    snapshot_.placements[step.generation].state = PlacementState::kUnloading;
  }
}

void Device::Do(const WithdrawStep& step) {
  snapshot_.placements.at(step.generation).state = PlacementState::kUnloading;
  host_.Withdraw(step.generation);
}

void Device::Do(const DestroyStep& step) {
  models_.erase(step.generation);
  snapshot_.placements.erase(step.generation);
}

void Device::Do(const WaitStep& step) {
  mailbox_->Wait(step.until, clock_);
}

}  // namespace accelerd
