#ifndef ACCELERD_BASE_MEMORY_GUARD_H_
#define ACCELERD_BASE_MEMORY_GUARD_H_

#include <exception>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace accelerd {

/// Returns the result of `work`, an absl::Status or StatusOr. An exception becomes an error: kResourceExhausted if
/// there is no memory, otherwise kInternal.
///
/// It belongs around work that calls a library, or whose memory depends on what a client or a file says: an exception
/// that leaves a thread of ours ends the process.
template <typename F>
std::invoke_result_t<F> GuardMemory(F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is not enough memory now; try again later");
  } catch (const std::length_error&) {
    return absl::ResourceExhaustedError("it needs more memory than any machine has");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_MEMORY_GUARD_H_
