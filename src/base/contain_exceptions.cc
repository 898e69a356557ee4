#include "base/contain_exceptions.h"

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <new>

#include "base/log.h"

namespace accelerd {
namespace {

/// Enough for many small allocations, and for the allocator to make room for them on any thread.
constexpr std::size_t kReserveBytes = std::size_t{8} << 20;

std::atomic<bool> wanted = false;
std::atomic<void*> reserve = nullptr;

/// Called by operator new when an allocation failed; it tries again when this returns.
void UseReserve() {
  void* const memory = reserve.exchange(nullptr);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  munmap(memory, kReserveBytes);
}

}  // namespace

void KeepMemoryReserve() {
  wanted = true;
  RefillMemoryReserve();
  std::set_new_handler(UseReserve);
}

void RefillMemoryReserve() noexcept {
  if (!wanted || reserve.load() != nullptr) {
    return;
  }
  void* const memory = mmap(nullptr, kReserveBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* none = nullptr;
  if (memory != MAP_FAILED && !reserve.compare_exchange_strong(none, memory)) {
    munmap(memory, kReserveBytes);  // Another thread was faster.
  }
}

void LogContained(std::string_view thread, const std::exception& error) noexcept {
  try {
    RefillMemoryReserve();
    LogError(thread, error.what());
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): there is no memory for that either.
  }
}

}  // namespace accelerd
