#ifndef ACCELERD_ENGINE_DEVICE_LOCK_H_
#define ACCELERD_ENGINE_DEVICE_LOCK_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "engine/device_keys.h"

namespace accelerd {

/// Keeps every other service of this machine, of whichever user, off devices for as long as it lives, and the processes
/// that inherit its descriptors: an flock on DIRECTORY/accelerd-KEY for each key, which the kernel drops with its last
/// holder. Movable only.
class DeviceLock {
 public:
  /// Takes all keys, in their order, or none; does not wait for others. `owner`, "process NUMBER at …" on one line,
  /// with the number of this process, is written into the files, for those who come second. kAlreadyExists: another
  /// process has a device; the message names it if the kernel does. kUnavailable: the directory does not let us, or a
  /// lock's file is not a regular file with one name; such a file is not changed.
  static absl::StatusOr<DeviceLock> Acquire(const std::string& directory, const std::vector<DeviceKey>& keys,
                                            std::string_view owner);

  std::vector<int> descriptors() const;

 private:
  explicit DeviceLock(std::vector<UniqueFd> files) : files_(std::move(files)) {}

  std::vector<UniqueFd> files_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_LOCK_H_
