#include "backend/isolated/announced_regions.h"

#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

absl::Status SendRegion(Channel& channel, const SharedRegion& region, Mapping::Access access) {
  const bool writable = access == Mapping::Access::kWrite;
  const nlohmann::json body = {{"region", region.id()}, {"bytes", region.bytes().size()}, {"writable", writable}};
  UniqueFd read_only;
  if (!writable) {
    ACCELERD_ASSIGN_OR_RETURN(read_only, region.OpenReadOnly());
  }
  return channel.Send(MessageType::kRegion, 0, body.dump(), Channel::Wait::kNo,
                      writable ? region.descriptor() : read_only.get());
}

}  // namespace

absl::Status AnnouncedRegions::Announce(const std::shared_ptr<SharedRegion>& region, Mapping::Access access) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[region->id()];
  bool& told = access == Mapping::Access::kWrite ? known.writable : known.readable;
  if (told) {
    return absl::OkStatus();
  }
  known.region = region;
  ACCELERD_RETURN_IF_ERROR(SendRegion(channel_, *region, access));
  told = true;
  return ForgetLocked();
}

absl::Status AnnouncedRegions::Forget() {
  const std::lock_guard lock(mutex_);
  return ForgetLocked();
}

absl::Status AnnouncedRegions::ForgetLocked() {
  for (auto known = known_.begin(); known != known_.end();) {
    if (!known->second.region.expired()) {
      ++known;
      continue;
    }
    const nlohmann::json body = {{"region", known->first}};
    ACCELERD_RETURN_IF_ERROR(channel_.Send(MessageType::kForget, 0, body.dump(), Channel::Wait::kNo));
    known = known_.erase(known);
  }
  return absl::OkStatus();
}

}  // namespace accelerd
