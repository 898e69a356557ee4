#include "base/buffer.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/shared_buffers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kAlignment = 64;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, Free>;

absl::StatusOr<Memory> AllocateMemory(std::size_t bytes) {
  // aligned_alloc wants a multiple of the alignment, and an empty tensor still needs an address.
  const std::size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  Memory memory(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
  if (memory == nullptr) {
    return absl::ResourceExhaustedError(fmt::format("no memory for {} bytes", bytes));
  }
  return memory;
}

class HeapBuffer : public Buffer {
 public:
  HeapBuffer(Memory memory, std::size_t bytes) : Buffer({memory.get(), bytes}), memory_(std::move(memory)) {}

 private:
  Memory memory_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Buffer>> AllocateBuffer(std::size_t bytes) {
  ACCELERD_ASSIGN_OR_RETURN(Memory memory, AllocateMemory(bytes));
  std::memset(memory.get(), 0, bytes);
  return std::make_shared<HeapBuffer>(std::move(memory), bytes);
}

/// Holds the idle memory; lent buffers keep it alive.
class BufferPool::Shelf : public std::enable_shared_from_this<Shelf> {
 public:
  explicit Shelf(std::size_t max_idle_bytes) : max_idle_bytes_(max_idle_bytes) {}

  absl::StatusOr<std::shared_ptr<Buffer>> Take(std::size_t bytes) {
    Memory memory;
    {
      const std::lock_guard lock(mutex_);
      if (auto idle = idle_.find(bytes); idle != idle_.end() && !idle->second.empty()) {
        memory = std::move(idle->second.back());
        idle->second.pop_back();
        idle_bytes_ -= bytes;
      }
    }
    if (memory == nullptr) {
      ACCELERD_ASSIGN_OR_RETURN(memory, AllocateMemory(bytes));
    }
    return std::make_shared<Lent>(std::move(memory), bytes, shared_from_this());
  }

  /// Lets go of all idle memory and keeps none from now on.
  void Close() {
    const std::lock_guard lock(mutex_);
    max_idle_bytes_ = 0;
    idle_bytes_ = 0;
    idle_.clear();
  }

 private:
  class Lent : public Buffer {
   public:
    Lent(Memory memory, std::size_t bytes, std::shared_ptr<Shelf> shelf)
        : Buffer({memory.get(), bytes}), memory_(std::move(memory)), shelf_(std::move(shelf)) {}
    ~Lent() override { shelf_->PutBack(std::move(memory_), bytes().size()); }

   private:
    Memory memory_;
    std::shared_ptr<Shelf> shelf_;
  };

  void PutBack(Memory memory, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > max_idle_bytes_) {
      return;
    }
    // A size that is no longer asked for must not keep the others out.
    for (auto other = idle_.begin(); idle_bytes_ + bytes > max_idle_bytes_ && other != idle_.end();) {
      idle_bytes_ -= other->first * other->second.size();
      other = idle_.erase(other);
    }
    idle_[bytes].push_back(std::move(memory));
    idle_bytes_ += bytes;
  }

  std::mutex mutex_;
  std::size_t max_idle_bytes_;
  std::size_t idle_bytes_ = 0;
  std::unordered_map<std::size_t, std::vector<Memory>> idle_;
};

BufferPool::BufferPool(std::size_t max_idle_bytes, Kind kind) {
  if (kind == Kind::kShared) {
    shared_ = std::make_shared<SharedBuffers>(max_idle_bytes);
  } else {
    shelf_ = std::make_shared<Shelf>(max_idle_bytes);
  }
}

BufferPool::~BufferPool() {
  if (shared_ != nullptr) {
    shared_->Close();
  } else {
    shelf_->Close();
  }
}

absl::StatusOr<std::shared_ptr<Buffer>> BufferPool::Allocate(std::size_t bytes) {
  return shared_ != nullptr ? shared_->Take(bytes) : shelf_->Take(bytes);
}

}  // namespace accelerd
