#ifndef ACCELERD_ENGINE_DEVICE_MAILBOX_H_
#define ACCELERD_ENGINE_DEVICE_MAILBOX_H_

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// What others tell a device's thread. Shared with them, as they may outlive the device. No call waits, except those of
/// the thread itself. Thread-safe.
class DeviceMailbox {
 public:
  struct Mail {
    std::vector<ModelGeneration> unreferenced;
    std::vector<ModelGeneration> released;
    std::vector<ModelGeneration> suspects;
    std::optional<absl::Status> lost;
    bool stop = false;
  };

  /// What is wanted has changed.
  void Wake();

  /// No request and no routing snapshot holds the model.
  void Unreferenced(ModelGeneration model);

  /// Nobody uses the compiled model: the thread may destroy it.
  void Released(ModelGeneration model);

  /// A job of the model crashed or hung the device twice.
  void Suspect(ModelGeneration model);

  /// A loss is about to be told to others, and then to the mailbox by Lost. What they do about it can reach the thread
  /// first: PeekLoss waits for Lost from here on.
  void AnnounceLoss();

  /// Delivers the loss that was announced. REQUIRES: AnnounceLoss was called for it.
  void Lost(absl::Status reason);

  /// Ends the thread when everything has left the device.
  void Stop();

  /// For the thread: what arrived since the last call.
  Mail Take();

  /// For the thread: returns why the device is lost if that arrived since the last Take. It stays there. Waits for a
  /// loss that is announced.
  std::optional<absl::Status> PeekLoss();

  /// For the thread: returns when something arrived since Take, or at `until`.
  void Wait(std::optional<Time> until, const Clock& clock);

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  Mail mail_;
  int announced_losses_ = 0;
  bool arrived_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_MAILBOX_H_
