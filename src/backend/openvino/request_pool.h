#ifndef ACCELERD_BACKEND_OPENVINO_REQUEST_POOL_H_
#define ACCELERD_BACKEND_OPENVINO_REQUEST_POOL_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "backend/backend.h"
#include "base/cpu_pool.h"
#include "base/done.h"
#include "base/tensor.h"
#include "openvino/runtime/compiled_model.hpp"
#include "openvino/runtime/infer_request.hpp"

namespace accelerd::openvino {

/// The infer requests of one compiled model, made beforehand and reused, last in, first out.
///
/// A request may not run again before the runtime has returned from its completion callback: until then the runtime
/// keeps the callback to itself, and a run that ended in between would lose it. Because completions start the next
/// run, there are twice as many requests as slots. Thread-safe.
class RequestPool {
 public:
  /// A run that failed because the device is lost.
  using OnLost = std::function<void(const absl::Status&)>;

  /// Makes the requests, for `slots` runs at once. `completions` outlives the pool; it calls the Dones of runs that end
  /// before they begin. `imported` is what `model` was imported from, if it was: the model may refer to it.
  static absl::StatusOr<std::shared_ptr<RequestPool>> Create(ov::CompiledModel model, ov::Tensor imported, int slots,
                                                             bool stateful, CpuPool& completions, OnLost on_lost);

  /// Waits for the runtime to return from every callback. REQUIRES: WaitUntilIdle returned true, or nothing started.
  ~RequestPool() = default;
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  /// As CompiledModel::Start, of tensors that were checked.
  void Start(Tensors inputs, Tensors outputs, Done<RunResult> done);

  /// Every run completes with kUnavailable, unless it completed before, and so does every later one.
  void Abandon();

  /// Whether the runtime has ended every run, abandoned ones too; waits for it for at most `timeout`.
  bool WaitUntilIdle(Duration timeout);

 private:
  /// An infer request, and the run that it carries out.
  struct Request {
    ov::InferRequest infer;
    bool started = false;  ///< Ever.
    Time begin;
    Tensors inputs;  ///< Held until the runtime is through with them, also when the run is abandoned.
    Tensors outputs;
    Done<RunResult> done;
  };

  RequestPool(ov::CompiledModel model, ov::Tensor imported, int slots, bool stateful, CpuPool& completions,
              OnLost on_lost);

  void AddRequest();
  /// A request for the run that `done` completes; takes `done` unless it fails.
  absl::StatusOr<Request*> Take(Done<RunResult>& done);
  static bool HasReturned(Request& request);
  void Begin(Request& request);
  void Finish(Request& request, const std::exception_ptr& exception);
  absl::StatusOr<RunResult> ResultOf(Request& request, const std::exception_ptr& exception);
  void CompleteElsewhere(Done<RunResult> done, absl::StatusOr<RunResult> result);

  // The requests are destroyed first, and what they refer to last.
  const ov::Tensor imported_;
  ov::CompiledModel model_;
  const int slots_;
  const bool stateful_;
  CpuPool& completions_;
  const OnLost on_lost_;

  std::mutex mutex_;
  std::condition_variable idle_;
  bool abandoned_ = false;
  int running_ = 0;
  std::vector<Request*> free_;
  std::vector<std::unique_ptr<Request>> requests_;
};

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_REQUEST_POOL_H_
