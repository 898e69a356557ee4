#ifndef ACCELERD_ENGINE_DEVICE_LOCK_H_
#define ACCELERD_ENGINE_DEVICE_LOCK_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd {

/// The devices behind a runtime's device string that one process alone may open: "MYRIAD" of "MYRIAD",
/// "BATCH:MYRIAD(4)" and "MULTI:MYRIAD,CPU". The CPU is everybody's. Each once, sorted.
std::vector<std::string> ExclusiveDevices(std::string_view device);

/// Whether the device string stands for the CPU alone: "CPU", "BATCH:CPU(4)". "AUTO" may stand for anything.
bool IsCpuAlone(std::string_view device);

/// Keeps every other service of this machine, of whichever user, off a device for as long as it lives, and the
/// processes that inherit its descriptor: an flock on DIRECTORY/accelerd-KEY, which the kernel drops with its last
/// holder. Movable only.
class DeviceLock {
 public:
  /// `owner` is written into the file, for those who come second. kAlreadyExists: another service has the device; the
  /// message names it. kUnavailable: the directory does not let us.
  static absl::StatusOr<DeviceLock> Acquire(const std::string& directory, std::string_view device,
                                            std::string_view owner);

  int descriptor() const { return file_.get(); }

 private:
  explicit DeviceLock(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_LOCK_H_
