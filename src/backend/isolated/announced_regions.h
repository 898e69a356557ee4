#ifndef ACCELERD_BACKEND_ISOLATED_ANNOUNCED_REGIONS_H_
#define ACCELERD_BACKEND_ISOLATED_ANNOUNCED_REGIONS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "backend/isolated/channel.h"
#include "base/shared_memory.h"

namespace accelerd {

/// The shared memory that a worker knows: tells it of a region before its first use, and of one that is gone.
/// Thread-safe.
class AnnouncedRegions {
 public:
  explicit AnnouncedRegions(Channel& channel) : channel_(channel) {}

  /// The worker may use the region in messages after this. Errors as Channel::Send.
  absl::Status Announce(const std::shared_ptr<SharedRegion>& region, Mapping::Access access);

  /// Tells of the regions that are gone, so that their memory goes. Errors as Channel::Send.
  absl::Status Forget();

 private:
  struct Known {
    std::weak_ptr<SharedRegion> region;
    bool readable = false;
    bool writable = false;
  };

  absl::Status ForgetLocked();

  Channel& channel_;
  std::mutex mutex_;  ///< Held while announcing: nobody else uses the region before the worker was told.
  std::unordered_map<std::uint64_t, Known> known_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_ANNOUNCED_REGIONS_H_
