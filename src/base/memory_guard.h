#ifndef ACCELERD_BASE_MEMORY_GUARD_H_
#define ACCELERD_BASE_MEMORY_GUARD_H_

#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace accelerd {

/// The result of `work`, an absl::Status or StatusOr; kResourceExhausted when it runs out of memory. For work whose
/// memory depends on what a client or a file says: without this, std::bad_alloc on a thread of ours ends the process.
template <typename F>
std::invoke_result_t<F> GuardMemory(F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is not enough memory now; try again later");
  } catch (const std::length_error&) {
    return absl::ResourceExhaustedError("it needs more memory than any machine has");
  }
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_MEMORY_GUARD_H_
