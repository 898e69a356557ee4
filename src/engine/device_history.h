#ifndef ACCELERD_ENGINE_DEVICE_HISTORY_H_
#define ACCELERD_ENGINE_DEVICE_HISTORY_H_

#include <chrono>
#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"
#include "engine/device_status.h"

namespace accelerd {

/// Keeps a device's status up to date. Thread-safe.
class DeviceHistory {
 public:
  explicit DeviceHistory(const std::string& name) {
    status_.name = name;
    status_.since = std::chrono::system_clock::now();
  }

  /// `reason` says why it is not kReady. Returns whether the state is another than before.
  bool Enter(DeviceState state, const absl::Status& reason) {
    const std::lock_guard lock(mutex_);
    const bool changed = std::exchange(status_.state, state) != state;
    if (changed) {
      status_.since = std::chrono::system_clock::now();
    }
    if (state == DeviceState::kReady) {
      status_.restarts += std::exchange(was_ready_, true) ? 1 : 0;
    } else {
      status_.last_error = Message(reason);
    }
    return changed;
  }

  DeviceStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  DeviceStatus status_;
  bool was_ready_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_HISTORY_H_
