#ifndef ACCELERD_BACKEND_OPENVINO_CORE_H_
#define ACCELERD_BACKEND_OPENVINO_CORE_H_

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/status.h"
#include "openvino/runtime/core.hpp"

namespace accelerd::openvino {

/// The process's only ov::Core; never destroyed, because plugins' threads may outlive main(). It reads model files
/// without mapping them: a file that is overwritten in place must not change a live model. Thread-safe; may throw.
ov::Core& Core();

/// What `exception` says, for people: on one line, without the runtime's own source locations, printable ASCII,
/// bounded.
std::string DescribeException(const std::exception_ptr& exception);

/// As DescribeException, of the text of an exception.
std::string CleanMessage(std::string_view text);

/// Whether a driver's message says that its device is gone, rather than that this one call failed.
bool MeansDeviceLost(std::string_view message);

/// Calls `function`, and turns what it throws into a status of `code`: "`what`: the exception's text". The result is
/// absl::Status for a function that returns nothing, else absl::StatusOr.
template <typename F>
auto Guard(absl::StatusCode code, std::string_view what, F&& function) {
  using Value = std::invoke_result_t<F>;
  using Result = std::conditional_t<std::is_void_v<Value>, absl::Status, absl::StatusOr<Value>>;
  try {
    if constexpr (std::is_void_v<Value>) {
      function();
      return absl::OkStatus();
    } else {
      return Result(function());
    }
  } catch (...) {
    return Result(Annotate(absl::Status(code, DescribeException(std::current_exception())), what));
  }
}

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_CORE_H_
