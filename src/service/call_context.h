#ifndef ACCELERD_SERVICE_CALL_CONTEXT_H_
#define ACCELERD_SERVICE_CALL_CONTEXT_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "engine/client.h"

namespace accelerd {

/// Tells a call that its caller has left. Thread-safe.
class Cancellation {
 public:
  /// Runs what OnCancel registered, once; later registrations run at once.
  void Cancel();

  /// Registers what ends the call's work. At most one; must not block. A null function takes it back.
  void OnCancel(std::function<void()> function);

 private:
  std::mutex mutex_;
  bool cancelled_ = false;
  std::function<void()> function_;
};

/// Who calls, and under which conditions.
struct CallContext {
  Client client = {};  ///< For fairness and the log.
  PriorityClass priority = PriorityClass::kNormal;
  std::string stream = {};                     ///< Of the client, see JobInfo; empty: none.
  Time deadline = Time::max();                 ///< Past it the call completes with kDeadlineExceeded.
  std::shared_ptr<Cancellation> cancellation;  ///< May be null.
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_CALL_CONTEXT_H_
