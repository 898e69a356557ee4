#ifndef ACCELERD_ENGINE_SCHEDULER_H_
#define ACCELERD_ENGINE_SCHEDULER_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/functional/any_invocable.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/cpu_pool.h"
#include "base/done.h"
#include "engine/engine_model.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// One inference that a caller wants, or one image that is only to be decoded.
struct Job {
  ModelHandle model;  ///< Null: the job needs no device and is done when `prepare` is.
  Client client;
  PriorityClass priority = PriorityClass::kNormal;
  std::string stream;  ///< See JobInfo.
  Time deadline = Time::max();
  bool counts_as_use = true;  ///< Of the model: the last one used comes back first after a loss.
  /// Makes the inputs, on the CPU pool, when the scheduler grants it; empty when `inputs` are there already.
  /// A stop is requested by `left`, on another thread, when nobody waits for the inputs any more: the caller left, or
  /// the deadline passed. The client is charged for the time that it takes.
  absl::AnyInvocable<absl::StatusOr<Tensors>(const std::stop_token& left) &&> prepare;
  std::size_t input_bytes = 0;  ///< What `prepare` allocates for the inputs, or the bytes of `inputs`.
  Tensors inputs;
  /// The outputs (of a job without a model: none), or why there are none. Runs inside Submit for a refusal, else on the
  /// thread of the event that ended the job.
  Done<Tensors> done;
};

/// What the scheduler finds out about devices and models. Called on any thread, without locks; must not block.
struct SchedulerObserver {
  virtual ~SchedulerObserver() = default;

  /// A run of `model` takes longer than `bound`: its device is to be given up. The scheduler counts it as LOST already.
  virtual void DeviceHangs(DeviceId device, ModelGeneration model, Duration bound) = 0;

  /// A job of `model` crashed or hung its device twice, at last alone on it.
  virtual void ModelSuspect(ModelGeneration model) = 0;
};

/// The concurrent shell of SchedulerCore: keeps jobs, carries out decisions, arms one timer. Thread-safe.
///
/// A completion starts the next run at once, on the runtime's own thread, before it reports its own outputs.
class Scheduler {
 public:
  /// `pool` and `clock` outlive the scheduler. `pool` should have one thread more than `limits.max_preparing`: for the
  /// preparation that may be granted beyond it, and for results meanwhile.
  Scheduler(const SchedulerLimits& limits, CpuPool& pool, const Clock& clock = Clock::Steady());
  /// REQUIRES: every job is done (see Close). Runs and preparations of cancelled jobs may still go on.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Admits the job or completes it with the refusal. Never blocks.
  JobId Submit(Job job);

  /// Completes the job with kCancelled now; a run of it goes on, its outputs are dropped. Does nothing when the job is
  /// done.
  void Cancel(JobId job);

  /// Charges the client for `cost` of a thread of the CPU pool that was spent on a job that is done, such as on making
  /// its result. `model` may be null.
  void ChargeProcessor(const Client& client, PriorityClass priority, const ModelHandle& model, Duration cost);

  /// From now on refuses new jobs with `reason`.
  void Refuse(absl::Status reason);

  /// Completes every job that is not done with `reason`, as Cancel does; implies Refuse.
  void Close(const absl::Status& reason);

  /// Completes when no job is left and no run or preparation of a cancelled one goes on: nothing that was submitted
  /// before holds a model any more. At once if there is none; on any thread.
  void NotifyIdle(Done<> done);

  /// `compiled` serves `model` on `device` from now on; null: nothing more starts there. Every run holds it; it is let
  /// go when the last run that was started before has ended.
  void PlacementChanged(DeviceId device, ModelGeneration model, std::shared_ptr<CompiledModel> compiled);

  void DeviceChanged(DeviceId device, DeviceState state, const DeviceLoss& loss = {});

  /// While a device is paused nothing starts on it; what runs there goes on.
  void Pause(DeviceId device, bool paused);

  /// Completes when no inference runs on the device: inside the call if none does, else on the thread of the event that
  /// ended the last one. On a device that is not paused another one may have started by then.
  void NotifyDeviceIdle(DeviceId device, Done<> done);

  /// What clients and models asked for and got.
  SchedulerStats stats() const;

  /// `model` does not come back: refuses its jobs that do not run with `reason`.
  void ModelGone(ModelGeneration model, const absl::Status& reason);

  /// Replaces the observer; null: none. The last one may still be called by events that go on.
  void Observe(std::shared_ptr<SchedulerObserver> observer);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  ///< Shared with runs and preparations in flight, which may end later.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_SCHEDULER_H_
