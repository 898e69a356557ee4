#include "service/call_context.h"

namespace accelerd {

void Cancellation::Cancel() {
  std::function<void()> function;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    function = std::move(function_);
    function_ = nullptr;
  }
  if (function) {
    function();
  }
}

void Cancellation::OnCancel(std::function<void()> function) {
  {
    const std::lock_guard lock(mutex_);
    if (!cancelled_) {
      function_ = std::move(function);
      return;
    }
  }
  if (function) {
    function();
  }
}

}  // namespace accelerd
