#include "backend/simulated/run_queue.h"

#include <sys/prctl.h>

#include <utility>

#include "backend/check_tensors.h"
#include "backend/simulated/output_function.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// Of a size that varies, other than the batch.
constexpr std::int64_t kVaryingSize = 8;

/// The size of the batch follows the first input's.
Shape OutputShape(const TensorSpec& spec, const Tensors& inputs) {
  Shape shape = spec.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 && i == 0) {
      shape[i] = inputs.empty() || inputs[0].shape().empty() ? 1 : inputs[0].shape()[0];
    } else if (shape[i] < 0) {
      shape[i] = kVaryingSize;
    }
  }
  return shape;
}

absl::Status ComputeOutputs(SimulatedRun& run, bool wrong) {
  const ModelInfo& info = run.model->info;
  const std::uint64_t seed = InputSeed(info.content_hash, run.inputs);
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const TensorSpec& spec = info.signature.outputs[i];
    if (run.outputs[i].empty()) {
      ACCELERD_ASSIGN_OR_RETURN(run.outputs[i], Tensor::Allocate(spec.element_type, OutputShape(spec, run.inputs)));
    }
    FillOutput(seed, i, run.outputs[i], wrong, spec.name);
  }
  return absl::OkStatus();
}

}  // namespace

RunQueue::RunQueue(Planner plan)
    : plan_(std::move(plan)), failure_(absl::UnavailableError("the stick is not open")), thread_([this] { Loop(); }) {}

RunQueue::~RunQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void RunQueue::Open(int slots) {
  const std::lock_guard lock(mutex_);
  slots_ = slots;
  failure_ = absl::OkStatus();
}

void RunQueue::Fail(absl::Status status) {
  {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(status);
  }
  wake_.notify_one();
}

void RunQueue::Add(SimulatedRun run) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(run));
  }
  wake_.notify_one();
}

void RunQueue::Loop() {
  prctl(PR_SET_NAME, "stick-runs");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const Time next = running_.empty() ? Time::max() : running_.begin()->first;
    if (!failure_.ok() && !(waiting_.empty() && running_.empty())) {
      FailAll(lock);
    } else if (!waiting_.empty() && running_.size() < static_cast<std::size_t>(slots_)) {
      BeginNext(lock);
    } else if (next == Time::max()) {
      wake_.wait(lock);
    } else if (next <= Clock::Steady().Now()) {
      CompleteFirst(lock);
    } else {
      wake_.wait_until(lock, next);
    }
  }
  failure_ = absl::UnavailableError("the stick was closed");
  FailAll(lock);
}

void RunQueue::FailAll(std::unique_lock<std::mutex>& lock) {
  const absl::Status failure = failure_;
  std::deque<SimulatedRun> failed = std::exchange(waiting_, {});
  for (auto& [time, running] : std::exchange(running_, {})) {
    failed.push_back(std::move(running.run));
  }
  lock.unlock();
  for (SimulatedRun& run : failed) {
    run.inputs.clear();
    run.outputs.clear();
    run.done(failure);
  }
  failed.clear();
  lock.lock();
}

void RunQueue::BeginNext(std::unique_lock<std::mutex>& lock) {
  const Time begin = Clock::Steady().Now();
  SimulatedRun run = std::move(waiting_.front());
  waiting_.pop_front();
  lock.unlock();
  RunPlan plan;
  // What does not fit is refused before the stick sees it.
  if (absl::Status fits = CheckTensors(run.model->info.signature, run.inputs, run.outputs); fits.ok()) {
    plan = plan_(*run.model);
  } else {
    plan.status = std::move(fits);
  }
  const Time end = plan.hangs ? Time::max() : begin + plan.latency;
  lock.lock();
  running_.emplace(end, Running{std::move(run), std::move(plan), begin});
}

void RunQueue::CompleteFirst(std::unique_lock<std::mutex>& lock) {
  Running running = std::move(running_.begin()->second);
  running_.erase(running_.begin());
  lock.unlock();
  Complete(std::move(running));
  lock.lock();
}

void RunQueue::Complete(Running running) {
  SimulatedRun& run = running.run;
  absl::Status status = std::move(running.plan.status);
  if (status.ok()) {
    status = ComputeOutputs(run, running.plan.wrong_output);
  }
  // Who waits for the completion may use the inputs' memory again.
  run.inputs.clear();
  if (status.ok()) {
    run.done(RunResult{std::move(run.outputs), Clock::Steady().Now() - running.begin});
  } else {
    run.outputs.clear();
    run.done(std::move(status));
  }
}

}  // namespace accelerd
