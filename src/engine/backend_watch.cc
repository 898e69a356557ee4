#include "engine/backend_watch.h"

#include <chrono>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

/// A call whose time is over for longer was stopped together with this process.
constexpr std::chrono::seconds kLate{1};

}  // namespace

BackendWatch::BackendWatch(std::function<void(const absl::Status&)> on_loss, const Clock& clock)
    : on_loss_(std::move(on_loss)), clock_(clock), alarm_(std::make_unique<Alarm>([this] { Ring(); }, clock)) {}

void BackendWatch::Attach(Backend* backend) {
  const std::lock_guard lock(backend_mutex_);
  backend_ = backend;
}

BackendWatch::Call::Call(BackendWatch& watch, std::string what, Duration bound) : watch_(watch) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.call_ = std::move(what);
  watch_.bound_ = bound;
  watch_.deadline_ = watch_.clock_.Now() + bound;
  if (watch_.alarm_) {
    watch_.alarm_->Set(watch_.deadline_);
  }
}

BackendWatch::Call::~Call() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.call_.clear();
  watch_.deadline_.reset();
}

void BackendWatch::GiveUp(absl::Status reason) {
  const std::lock_guard lock(mutex_);
  reason_ = std::move(reason);
  if (alarm_) {
    alarm_->Set(Time());
  }
}

void BackendWatch::EndCall() {
  const std::lock_guard lock(mutex_);
  const std::lock_guard backend_lock(backend_mutex_);
  if (!call_.empty() && backend_ != nullptr) {
    backend_->Abandon();
  }
}

void BackendWatch::Close() {
  std::unique_ptr<Alarm> alarm;
  {
    const std::lock_guard lock(mutex_);
    alarm.swap(alarm_);
  }
}

void BackendWatch::Ring() {
  absl::Status why;
  {
    const std::lock_guard lock(mutex_);
    const Time now = clock_.Now();
    if (reason_) {
      why = *std::exchange(reason_, std::nullopt);
    } else if (deadline_ && *deadline_ <= now) {
      if (now - *deadline_ > kLate) {
        deadline_ = now + kLate;
      } else {
        deadline_.reset();
        why = WithLossKind(
            absl::UnavailableError(fmt::format("{} takes longer than {} ms", call_,
                                               std::chrono::duration_cast<std::chrono::milliseconds>(bound_).count())),
            LossKind::kUnresponsive);
      }
    }
    if (alarm_) {
      alarm_->Set(deadline_);
    }
  }
  if (why.ok()) {
    return;
  }
  on_loss_(why);
  const std::lock_guard lock(backend_mutex_);
  if (backend_ != nullptr) {
    backend_->Abandon();
  }
}

}  // namespace accelerd
