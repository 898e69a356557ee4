#include "base/shared_buffers.h"

#include <algorithm>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kRegionBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxSlots = 256;  // Of a region: tiny tensors are few.

}  // namespace

class SharedBuffers::Lent : public Buffer {
 public:
  Lent(std::shared_ptr<SharedBuffers> owner, std::shared_ptr<Slab> slab, std::size_t slot, std::size_t bytes)
      : Buffer(slab->region->bytes().subspan(slot * slab->slot_bytes, bytes)),
        owner_(std::move(owner)),
        slab_(std::move(slab)),
        slot_(slot),
        slice_{slab_->region, slot * slab_->slot_bytes} {}
  ~Lent() override { owner_->PutBack(slab_, slot_); }

  const SharedSlice* shared() const override { return &slice_; }

 private:
  const std::shared_ptr<SharedBuffers> owner_;
  const std::shared_ptr<Slab> slab_;
  const std::size_t slot_;
  const SharedSlice slice_;
};

absl::StatusOr<std::shared_ptr<Buffer>> SharedBuffers::Take(std::size_t bytes) {
  std::size_t slot_bytes = 0;
  if (__builtin_add_overflow(std::max<std::size_t>(bytes, 1), kAlignment - 1, &slot_bytes)) {
    return absl::ResourceExhaustedError(fmt::format("no memory for {} bytes", bytes));
  }
  slot_bytes -= slot_bytes % kAlignment;
  std::shared_ptr<Slab> slab;
  std::size_t slot = 0;
  {
    const std::lock_guard lock(mutex_);
    ACCELERD_ASSIGN_OR_RETURN(slab, FindSlab(slot_bytes));
    if (!slab->free.empty()) {
      slot = slab->free.back();
      slab->free.pop_back();
      idle_bytes_ -= slot_bytes;
    } else {
      ACCELERD_RETURN_IF_ERROR(slab->region->Reserve(slab->reserved * slot_bytes, slot_bytes));
      slot = slab->reserved++;
    }
  }
  return std::make_shared<Lent>(shared_from_this(), std::move(slab), slot, bytes);
}

absl::StatusOr<std::shared_ptr<SharedBuffers::Slab>> SharedBuffers::FindSlab(std::size_t slot_bytes) {
  std::vector<std::shared_ptr<Slab>>& slabs = slabs_[slot_bytes];
  const auto found = std::ranges::find_if(slabs, [](const auto& slab) { return !slab->full(); });
  if (found != slabs.end()) {
    return *found;
  }
  auto slab = std::make_shared<Slab>();
  slab->slot_bytes = slot_bytes;
  slab->slots = std::clamp<std::size_t>(kRegionBytes / slot_bytes, 1, kMaxSlots);
  ACCELERD_ASSIGN_OR_RETURN(slab->region, SharedRegion::Create(slab->slots * slot_bytes));
  slabs.push_back(slab);
  return slab;
}

void SharedBuffers::PutBack(const std::shared_ptr<Slab>& slab, std::size_t slot) {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    return;
  }
  slab->free.push_back(slot);
  idle_bytes_ += slab->slot_bytes;
  // What was used last goes last.
  Trim(slab.get());
  Trim(nullptr);
}

void SharedBuffers::Trim(const Slab* spared) {
  for (auto size = slabs_.begin(); idle_bytes_ > max_idle_bytes_ && size != slabs_.end();) {
    std::erase_if(size->second, [&](const std::shared_ptr<Slab>& slab) {
      if (idle_bytes_ <= max_idle_bytes_ || slab.get() == spared || !slab->idle()) {
        return false;
      }
      idle_bytes_ -= slab->free.size() * slab->slot_bytes;
      return true;
    });
    size = size->second.empty() ? slabs_.erase(size) : std::next(size);
  }
}

void SharedBuffers::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  slabs_.clear();
}

}  // namespace accelerd
