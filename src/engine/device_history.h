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

  /// Notes a state. `reason` says why it is not kReady, and `retry_at` when the device may be back. Returns whether the
  /// state is another than before.
  bool Enter(DeviceState state, const absl::Status& reason, Time retry_at = {}) {
    const std::lock_guard lock(mutex_);
    const DeviceState before = std::exchange(status_.state, state);
    if (before != state) {
      status_.since = std::chrono::system_clock::now();
    }
    // A loss is counted when it happens: who looks while the device is away sees it too.
    status_.restarts += before == DeviceState::kReady && state == DeviceState::kLost ? 1 : 0;
    if (state != DeviceState::kReady) {
      status_.last_error = Message(reason);
      status_.retry_at = retry_at;
    }
    return before != state;
  }

  DeviceStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  DeviceStatus status_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_HISTORY_H_
