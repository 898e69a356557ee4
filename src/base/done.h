#ifndef ACCELERD_BASE_DONE_H_
#define ACCELERD_BASE_DONE_H_

#include <cassert>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/status.h"

namespace accelerd {

/// The completion of an asynchronous call: takes `absl::StatusOr<T>`, `Done<>` an `absl::Status`.
///
/// It is called exactly once and must not block; the callee says on which thread. Destroyed uncalled, it completes with
/// kInternal, so that no caller waits for ever, and fails an assertion in debug builds. Movable only; not thread-safe.
template <typename T = void>
class Done {
 public:
  using Result = std::conditional_t<std::is_void_v<T>, absl::Status, absl::StatusOr<T>>;
  using Function = absl::AnyInvocable<void(Result) &&>;

  /// An empty Done: calling it does nothing.
  Done() = default;

  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Done> && std::is_invocable_v<F, Result>)
  Done(F&& function)  // NOLINT(google-explicit-constructor): lambdas are passed where a Done is wanted.
      : function_(std::forward<F>(function)) {}

  Done(Done&& other) noexcept : function_(std::exchange(other.function_, Function())) {}
  Done& operator=(Done&& other) noexcept {
    if (this != &other) {
      Abandon();
      function_ = std::exchange(other.function_, Function());
    }
    return *this;
  }
  Done(const Done&) = delete;
  Done& operator=(const Done&) = delete;
  ~Done() { Abandon(); }

  /// Completes the call. REQUIRES: not called before.
  void operator()(Result result) {
    if (function_) {
      std::exchange(function_, Function())(std::move(result));
    }
  }

  explicit operator bool() const { return static_cast<bool>(function_); }

 private:
  void Abandon() {
    assert(!function_ && "a Done was destroyed without being called");
    if (function_) {
      (*this)(absl::InternalError("the call was dropped without an answer"));
    }
  }

  Function function_;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_DONE_H_
