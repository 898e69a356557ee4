#ifndef ACCELERD_BASE_SHARED_BUFFERS_H_
#define ACCELERD_BASE_SHARED_BUFFERS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/buffer.h"
#include "base/shared_memory.h"

namespace accelerd {

/// The shared memory of a BufferPool.
///
/// A region holds several slots of one size, so that small tensors do not cost a descriptor and a mapping each. Slots
/// are taken from the oldest region that has one, last in, first out within it: the others empty, and go as a whole
/// when too much is idle. Lent buffers keep it alive. Thread-safe.
class SharedBuffers : public std::enable_shared_from_this<SharedBuffers> {
 public:
  explicit SharedBuffers(std::size_t max_idle_bytes) : max_idle_bytes_(max_idle_bytes) {}

  absl::StatusOr<std::shared_ptr<Buffer>> Take(std::size_t bytes);

  /// Lets go of all idle memory and keeps none from now on.
  void Close();

 private:
  /// A region, cut into slots.
  struct Slab {
    std::shared_ptr<SharedRegion> region;
    std::size_t slot_bytes = 0;
    std::size_t slots = 0;
    std::size_t reserved = 0;       ///< Slots that have memory: the first ones.
    std::vector<std::size_t> free;  ///< Those of them that are not lent, by number.
    bool idle() const { return free.size() == reserved; }
    bool full() const { return free.empty() && reserved == slots; }
  };
  class Lent;

  absl::StatusOr<std::shared_ptr<Slab>> FindSlab(std::size_t slot_bytes);
  void PutBack(const std::shared_ptr<Slab>& slab, std::size_t slot);
  void Trim(const Slab* spared);

  std::mutex mutex_;
  std::size_t max_idle_bytes_;
  std::size_t idle_bytes_ = 0;
  bool closed_ = false;
  std::map<std::size_t, std::vector<std::shared_ptr<Slab>>> slabs_;  ///< By the size of their slots.
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_SHARED_BUFFERS_H_
