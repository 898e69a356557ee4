#include "backend/openvino/request_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend/openvino/core.h"
#include "backend/openvino/tensors.h"
#include "base/clock.h"
#include "base/contain_exceptions.h"
#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

/// Set while this thread is inside Start: a runtime that completes a run at once calls back on the same thread.
thread_local bool starting = false;

class StartingScope {
 public:
  StartingScope() : before_(std::exchange(starting, true)) {}
  ~StartingScope() { starting = before_; }
  StartingScope(const StartingScope&) = delete;
  StartingScope& operator=(const StartingScope&) = delete;

 private:
  bool before_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<RequestPool>> RequestPool::Create(ov::CompiledModel model, ov::Tensor imported,
                                                                 int slots, bool stateful, CpuPool& completions,
                                                                 OnLost on_lost) {
  const std::shared_ptr<RequestPool> pool(
      new RequestPool(std::move(model), std::move(imported), slots, stateful, completions, std::move(on_lost)));
  ACCELERD_RETURN_IF_ERROR(Guard(absl::StatusCode::kInternal, "cannot create infer requests", [&] {
    for (int i = 0; i < 2 * slots; ++i) {
      pool->AddRequest();
    }
  }));
  return pool;
}

RequestPool::RequestPool(ov::CompiledModel model, ov::Tensor imported, int slots, bool stateful, CpuPool& completions,
                         OnLost on_lost)
    : imported_(std::move(imported)),
      model_(std::move(model)),
      slots_(slots),
      stateful_(stateful),
      completions_(completions),
      on_lost_(std::move(on_lost)) {}

void RequestPool::AddRequest() {
  auto request = std::make_unique<Request>();
  request->infer = model_.create_infer_request();
  request->infer.set_callback([this, raw = request.get()](const std::exception_ptr& exception) {
    ContainExceptions("runtime", [&] { Finish(*raw, exception); });
  });
  free_.push_back(request.get());
  requests_.push_back(std::move(request));
}

bool RequestPool::HasReturned(Request& request) {
  try {
    return !request.started || request.infer.wait_for(std::chrono::milliseconds(0));
  } catch (const std::exception&) {
    return true;  // Of a failed run; it was reported by the callback.
  }
}

absl::StatusOr<RequestPool::Request*> RequestPool::Take(Done<RunResult>& done) {
  const std::lock_guard lock(mutex_);
  if (abandoned_) {
    return absl::UnavailableError("the device was given up because it did not answer");
  }
  if (running_ >= slots_) {
    return absl::InternalError(fmt::format("more than {} runs at once", slots_));
  }
  auto last = std::find_if(free_.rbegin(), free_.rend(), [](Request* request) { return HasReturned(*request); });
  if (last == free_.rend()) {
    // More callbacks than slots have not returned yet.
    ACCELERD_RETURN_IF_ERROR(
        Guard(absl::StatusCode::kInternal, "cannot create an infer request", [this] { AddRequest(); }));
    last = free_.rbegin();
  }
  Request* taken = *last;
  free_.erase(std::next(last).base());
  ++running_;
  taken->done = std::move(done);
  return taken;
}

void RequestPool::Start(Tensors inputs, Tensors outputs, Done<RunResult> done) {
  const StartingScope scope;
  const absl::StatusOr<Request*> taken = Take(done);
  if (!taken.ok()) {
    CompleteElsewhere(std::move(done), taken.status());
    return;
  }
  Request& request = **taken;
  request.inputs = std::move(inputs);
  request.outputs = std::move(outputs);
  try {
    Begin(request);
  } catch (...) {
    Finish(request, std::current_exception());
  }
}

void RequestPool::Begin(Request& request) {
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    request.infer.set_input_tensor(i, View(request.inputs[i]));
  }
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    if (!request.outputs[i].empty()) {
      request.infer.set_output_tensor(i, View(request.outputs[i]));
    }
  }
  if (stateful_) {
    request.infer.reset_state();
  }
  request.begin = Clock::Steady().Now();
  request.started = true;
  request.infer.start_async();
}

void RequestPool::Finish(Request& request, const std::exception_ptr& exception) {
  absl::StatusOr<RunResult> result = ResultOf(request, exception);
  request.inputs.clear();
  request.outputs.clear();
  Done<RunResult> done;
  {
    const std::lock_guard lock(mutex_);
    done = std::move(request.done);  // Empty when the run was abandoned.
    free_.push_back(&request);
    --running_;
    idle_.notify_all();
  }
  // From here on the pool may be destroyed as soon as `done` was called, but for the wait for this callback.
  if (starting) {
    CompleteElsewhere(std::move(done), std::move(result));
  } else {
    done(std::move(result));
  }
}

absl::StatusOr<RunResult> RequestPool::ResultOf(Request& request, const std::exception_ptr& exception) {
  const Duration device_time = Clock::Steady().Now() - request.begin;
  if (exception != nullptr) {
    const std::string message = fmt::format("inference failed: {}", DescribeException(exception));
    if (!MeansDeviceLost(message)) {
      return absl::InternalError(message);
    }
    on_lost_(absl::UnavailableError(message));
    return absl::UnavailableError(message);
  }
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    if (request.outputs[i].empty()) {
      absl::StatusOr<absl::StatusOr<Tensor>> copy = Guard(absl::StatusCode::kInternal, "cannot read an output",
                                                          [&] { return Copy(request.infer.get_output_tensor(i)); });
      ACCELERD_RETURN_IF_ERROR(copy.status());
      ACCELERD_ASSIGN_OR_RETURN(request.outputs[i], *std::move(copy));
    }
  }
  return RunResult{std::move(request.outputs), device_time};
}

void RequestPool::CompleteElsewhere(Done<RunResult> done, absl::StatusOr<RunResult> result) {
  completions_.Post(CpuPool::Priority::kFinish,
                    [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void RequestPool::Abandon() {
  std::vector<Done<RunResult>> dones;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    for (const std::unique_ptr<Request>& request : requests_) {
      if (request->done) {
        dones.push_back(std::move(request->done));
      }
    }
  }
  for (Done<RunResult>& done : dones) {
    CompleteElsewhere(std::move(done), absl::UnavailableError("the device was given up because it did not answer"));
  }
}

bool RequestPool::WaitUntilIdle(Duration timeout) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [this] { return running_ == 0; });
}

}  // namespace accelerd::openvino
