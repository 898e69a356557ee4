#include "engine/device_mailbox.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace accelerd {

void DeviceMailbox::Wake() {
  {
    const std::lock_guard lock(mutex_);
    arrived_ = true;
  }
  wake_.notify_one();
}

void DeviceMailbox::Unreferenced(ModelGeneration model) {
  {
    const std::lock_guard lock(mutex_);
    mail_.unreferenced.push_back(model);
  }
  Wake();
}

void DeviceMailbox::Released(ModelGeneration model) {
  {
    const std::lock_guard lock(mutex_);
    mail_.released.push_back(model);
  }
  Wake();
}

void DeviceMailbox::Suspect(ModelGeneration model) {
  {
    const std::lock_guard lock(mutex_);
    mail_.suspects.push_back(model);
  }
  Wake();
}

void DeviceMailbox::AnnounceLoss() {
  const std::lock_guard lock(mutex_);
  ++announced_losses_;
}

void DeviceMailbox::Lost(absl::Status reason) {
  {
    const std::lock_guard lock(mutex_);
    --announced_losses_;
    mail_.lost = std::move(reason);
  }
  Wake();
}

void DeviceMailbox::Stop() {
  {
    const std::lock_guard lock(mutex_);
    mail_.stop = true;
  }
  Wake();
}

DeviceMailbox::Mail DeviceMailbox::Take() {
  const std::lock_guard lock(mutex_);
  arrived_ = false;
  return std::exchange(mail_, Mail());
}

std::optional<absl::Status> DeviceMailbox::PeekLoss() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return announced_losses_ == 0; });
  return mail_.lost;
}

void DeviceMailbox::Wait(std::optional<Time> until, const Clock& clock) {
  std::unique_lock lock(mutex_);
  if (!until) {
    wake_.wait(lock, [this] { return arrived_; });
    return;
  }
  // Bounded, so that the sum of now and the wait stays within range.
  const Duration wait = std::min<Duration>(*until - clock.Now(), std::chrono::hours(1));
  wake_.wait_for(lock, wait, [this] { return arrived_; });
}

}  // namespace accelerd
