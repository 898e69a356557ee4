#ifndef ACCELERD_BASE_BUFFER_H_
#define ACCELERD_BASE_BUFFER_H_

#include <cstddef>
#include <memory>
#include <span>

#include "base/status.h"

namespace accelerd {

class SharedBuffers;
struct SharedSlice;

/// A fixed range of memory, aligned to 64 bytes, held by counted references.
class Buffer {
 public:
  virtual ~Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }

  /// Where the bytes lie in memory that can be passed to another process; nullptr: they lie in none.
  virtual const SharedSlice* shared() const { return nullptr; }

 protected:
  explicit Buffer(std::span<std::byte> bytes) : bytes_(bytes) {}

 private:
  std::span<std::byte> bytes_;
};

/// New zeroed heap memory. kResourceExhausted when the machine has none.
absl::StatusOr<std::shared_ptr<Buffer>> AllocateBuffer(std::size_t bytes);

/// Recycles buffers of the few sizes that a service uses, last in, first out, so that memory stays warm and the heap
/// does not fragment.
///
/// What is in use is bounded by the callers, who reserve bytes before they ask; the pool bounds what it keeps for
/// later. Recycled bytes keep their old contents. Buffers may outlive the pool. Thread-safe.
class BufferPool {
 public:
  enum class Kind {
    kHeap,
    kShared  ///< Can be passed to other processes (shared_memory.h), in regions of several buffers.
  };

  /// Keeps at most `max_idle_bytes` in free buffers; more while their region is in use.
  explicit BufferPool(std::size_t max_idle_bytes, Kind kind = Kind::kHeap);
  ~BufferPool();

  /// A buffer of exactly `bytes`. Does not block. kResourceExhausted when the machine has no memory.
  absl::StatusOr<std::shared_ptr<Buffer>> Allocate(std::size_t bytes);

 private:
  class Shelf;
  std::shared_ptr<Shelf> shelf_;           ///< Of heap memory …
  std::shared_ptr<SharedBuffers> shared_;  ///< … or shared memory.
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_BUFFER_H_
