#ifndef ACCELERD_BASE_CONTAIN_EXCEPTIONS_H_
#define ACCELERD_BASE_CONTAIN_EXCEPTIONS_H_

#include <exception>
#include <string_view>
#include <utility>

namespace accelerd {

/// Sets memory aside for small allocations, which would otherwise fail for want of memory and lose the state of what
/// they were made for. Operator new uses it when the machine, or the process's limit, has no more. Large allocations
/// still throw std::bad_alloc. Call once, when the process starts.
void KeepMemoryReserve();

/// Sets the memory aside again if it was used and the machine has some. Cheap if there is nothing to do. Thread-safe.
void RefillMemoryReserve() noexcept;

/// Logs an exception that ended work of the thread `thread`. Thread-safe.
void LogContained(std::string_view thread, const std::exception& error) noexcept;

/// Runs `work` at the top of a thread of ours, where an exception would end the process. An exception is logged and
/// ends `work` alone. Returns false if there was one.
template <typename F>
bool ContainExceptions(std::string_view thread, F&& work) noexcept {
  try {
    std::forward<F>(work)();
    return true;
  } catch (const std::exception& error) {
    LogContained(thread, error);
    return false;
  }
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_CONTAIN_EXCEPTIONS_H_
