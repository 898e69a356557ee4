#include "engine/scheduler.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/accounts.h"
#include "engine/alarm.h"
#include "engine/errands.h"
#include "engine/idle_watch.h"

namespace accelerd {
namespace {

// Free output buffers that are kept for the next runs: a few dozen of the usual sizes.
constexpr std::size_t kMaxIdleOutputBytes = 64 << 20;

}  // namespace

class Scheduler::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const SchedulerLimits& limits, CpuPool& pool, const Clock& clock)
      : pool_(pool),
        clock_(clock),
        started_(clock.Now()),
        core_(limits),
        alarm_(std::in_place, [this] { Advance(); }, clock) {}

  /// What ends later finds nothing to do. REQUIRES: every job is done.
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    alarm_.reset();
  }

  JobId Submit(Job job) {
    auto entry = std::make_shared<JobEntry>(idle_, std::move(job));
    if (entry->job.counts_as_use && entry->job.model != nullptr) {
      entry->job.model->last_used.store(clock_.Now(), std::memory_order_relaxed);
    }
    Errands errands;
    {
      const std::lock_guard lock(mutex_);
      entry->id = static_cast<JobId>(++last_job_);
      table_.emplace(entry->id, entry);
      if (refusal_) {
        Answer(entry, *refusal_, errands);
      } else {
        if (entry->job.model != nullptr) {
          NameModel(*entry->job.model);
        }
        Collect(core_.Submit(InfoOf(*entry), clock_.Now()), errands);
      }
    }
    CarryOut(std::move(errands));
    return entry->id;
  }

  void Cancel(JobId job) {
    Handle([&](Errands& errands) {
      if (const auto entry = table_.find(job); entry != table_.end()) {
        Withdraw(entry->second, absl::CancelledError("the request was cancelled"), errands);
      }
    });
  }

  void Refuse(absl::Status reason) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(reason);
  }

  void Close(const absl::Status& reason) {
    Handle([&](Errands& errands) {
      refusal_ = reason;
      while (!table_.empty()) {
        Withdraw(table_.begin()->second, reason, errands);
      }
    });
  }

  void NotifyIdle(Done<> done) { idle_->Notify(std::move(done)); }

  void PlacementChanged(DeviceId device, ModelGeneration model, std::shared_ptr<CompiledModel> compiled) {
    Handle([&](Errands& errands) {
      const int slots = compiled == nullptr ? 0 : compiled->info().slots;
      // The one that was there is let go of at the end, without the mutex.
      compiled.swap(placements_[{device, model}]);
      Collect(core_.PlacementChanged(device, model, slots, clock_.Now()), errands);
      if (slots == 0) {
        placements_.erase({device, model});
      }
    });
  }

  void DeviceChanged(DeviceId device, DeviceState state, const DeviceLoss& loss) {
    Handle([&](Errands& errands) { Collect(core_.DeviceChanged(device, state, clock_.Now(), loss), errands); });
  }

  void Pause(DeviceId device, bool paused) {
    Handle([&](Errands& errands) { Collect(core_.Pause(device, paused, clock_.Now()), errands); });
  }

  void NotifyDeviceIdle(DeviceId device, Done<> done) {
    {
      const std::lock_guard lock(mutex_);
      if (core_.Busy(device)) {
        device_waiters_.emplace_back(device, std::move(done));
        return;
      }
    }
    done(absl::OkStatus());
  }

  void ChargeProcessor(const Client& client, PriorityClass priority, const ModelHandle& model, Duration cost) {
    const std::lock_guard lock(mutex_);
    core_.ChargeProcessor(client, priority, GenerationOf(model), cost, clock_.Now());
  }

  SchedulerStats stats() {
    const std::lock_guard lock(mutex_);
    const Time now = clock_.Now();
    SchedulerCore::Report report = core_.MakeReport(now);
    SchedulerStats stats;
    stats.total = report.total;
    stats.uptime = now - started_;
    stats.queued_bytes = core_.prepared_bytes();
    stats.clients = std::move(report.clients);
    std::map<std::string, ShareStats> models;
    for (const auto& [generation, counts] : report.models) {
      Accumulate(models[model_names_[generation]], counts);
    }
    for (auto& [name, counts] : models) {
      stats.models.push_back({name, counts});
    }
    return stats;
  }

  void ModelGone(ModelGeneration model, const absl::Status& reason) {
    Handle([&](Errands& errands) { Collect(core_.ModelGone(model, reason, clock_.Now()), errands); });
  }

  void Observe(std::shared_ptr<SchedulerObserver> observer) {
    const std::lock_guard lock(mutex_);
    observer_.swap(observer);
  }

 private:
  /// Calls `handle(errands)` with the mutex held, and carries out the errands without it.
  template <typename Function>
  void Handle(Function handle) {
    Errands errands;
    {
      const std::lock_guard lock(mutex_);
      handle(errands);
    }
    CarryOut(std::move(errands));
  }

  void Advance() {
    Handle([&](Errands& errands) {
      if (!stopped_) {
        armed_.reset();
        Collect(core_.Advance(clock_.Now()), errands);
      }
    });
  }

  // The following seven hold the mutex.

  void NameModel(const EngineModel& model) {
    if (model_names_.try_emplace(model.generation, model.name).second) {
      std::erase_if(model_names_, [this, &model](const auto& entry) {
        return entry.first != model.generation && !core_.KnowsModel(entry.first);
      });
    }
  }

  /// Turns decisions into errands: takes what they need out of the table now, as later events may change it.
  void Collect(Decisions decisions, Errands& errands) {
    for (const Decisions::Start& start : decisions.start) {
      const JobEntryPtr& entry = table_.at(start.job);
      errands.start.push_back(
          {entry, start.run, placements_.at({start.device, entry->job.model->generation}), entry->job.inputs});
    }
    for (const Decisions::Preparation& preparation : decisions.prepare) {
      errands.prepare.push_back(table_.at(preparation.job));
    }
    if (!decisions.hangs.empty() || !decisions.suspects.empty()) {
      errands.hangs = std::move(decisions.hangs);
      errands.suspects = std::move(decisions.suspects);
      errands.observer = observer_;
    }
    for (Decisions::Refusal& refusal : decisions.refuse) {
      Answer(table_.at(refusal.job), std::move(refusal.status), errands);
    }
    CollectIdle(errands);
    if (decisions.next_wakeup != armed_) {
      armed_ = decisions.next_wakeup;
      alarm_->Set(armed_);
    }
  }

  void CollectIdle(Errands& errands) {
    const auto idle = std::stable_partition(device_waiters_.begin(), device_waiters_.end(),
                                            [this](const auto& waiter) { return core_.Busy(waiter.first); });
    for (auto waiter = idle; waiter != device_waiters_.end(); ++waiter) {
      errands.device_idle.push_back(std::move(waiter->second));
    }
    device_waiters_.erase(idle, device_waiters_.end());
  }

  /// The job is DONE for its caller. REQUIRES: it is in the table.
  void Answer(JobEntryPtr entry, absl::StatusOr<Tensors> result, Errands& errands) {
    entry->answered.request_stop();
    table_.erase(entry->id);
    Done<Tensors> done = std::move(entry->job.done);
    errands.answer.push_back({std::move(entry), std::move(done), std::move(result)});
  }

  void Withdraw(JobEntryPtr entry, absl::Status reason, Errands& errands) {
    Collect(core_.Cancel(entry->id, clock_.Now()), errands);
    Answer(std::move(entry), std::move(reason), errands);
  }

  // The following hold no mutex.

  /// The device first, then what feeds it, then the answers.
  void CarryOut(Errands errands) {
    for (Errands::Start& start : errands.start) {
      StartRun(std::move(start));
    }
    ReportFaults(errands);
    for (JobEntryPtr& entry : errands.prepare) {
      pool_.Post(CpuPool::Priority::kPrepare,
                 [self = shared_from_this(), entry = std::move(entry)] { self->Prepare(entry); });
    }
    errands.release.clear();
    for (Done<>& idle : errands.device_idle) {
      idle(absl::OkStatus());
    }
    for (Errands::Answer& answer : errands.answer) {
      answer.done(std::move(answer.result));
    }
  }

  void StartRun(Errands::Start start) {
    // The run may end before Start returns, and its end lets go of the model.
    const std::shared_ptr<CompiledModel> model = start.compiled;
    absl::StatusOr<Tensors> outputs = AllocateOutputs(model->info().signature);
    auto end = [self = shared_from_this(), entry = std::move(start.entry), run = start.run,
                compiled = std::move(start.compiled)](absl::StatusOr<RunResult> result) {
      self->EndRun(*entry, run, std::move(result));
    };
    if (!outputs.ok()) {
      // Not here: the end of a run starts others.
      pool_.Post(CpuPool::Priority::kFinish,
                 [end = std::move(end), status = std::move(outputs).status()] { end(status); });
      return;
    }
    model->Start(start.run, std::move(start.inputs), *std::move(outputs), std::move(end));
  }

  absl::StatusOr<Tensors> AllocateOutputs(const Signature& signature) {
    Tensors outputs;
    outputs.reserve(signature.outputs.size());
    for (const TensorSpec& spec : signature.outputs) {
      if (std::any_of(spec.shape.begin(), spec.shape.end(), [](std::int64_t size) { return size < 0; })) {
        outputs.emplace_back();
        continue;
      }
      ACCELERD_ASSIGN_OR_RETURN(const std::size_t bytes, ByteSize(spec.element_type, spec.shape));
      ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, output_buffers_.Allocate(bytes));
      outputs.emplace_back(spec.element_type, spec.shape, std::move(buffer));
    }
    return outputs;
  }

  void EndRun(JobEntry& entry, RunId run, absl::StatusOr<RunResult> result) {
    Errands errands;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) {
        return;
      }
      const Duration device_time = result.ok() ? result->device_time : Duration(0);
      Decisions decisions = core_.Finished(run, OutcomeOf(result.status()), device_time, clock_.Now());
      const bool finished = decisions.finished.has_value();
      Collect(std::move(decisions), errands);
      if (finished) {
        Answer(table_.at(entry.id), AnswerOf(std::move(result)), errands);
      }
      if (entry.answered.stop_requested()) {
        errands.release = std::move(entry.job.inputs);
      }
    }
    CarryOut(std::move(errands));
  }

  void Prepare(const JobEntryPtr& entry) {
    absl::StatusOr<Tensors> inputs = absl::CancelledError("nobody waits for the inputs");
    const Time begin = clock_.Now();
    if (!entry->answered.stop_requested()) {
      inputs = std::move(entry->job.prepare)(entry->answered.get_token());
    }
    entry->job.prepare = nullptr;
    const Duration cost = clock_.Now() - begin;
    Errands errands;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) {
        return;
      }
      const absl::Status prepared = inputs.status();
      if (prepared.ok() && !entry->answered.stop_requested()) {
        entry->job.inputs = *std::move(inputs);
      }
      Decisions decisions = core_.Prepared(entry->id, prepared.ok(), cost, clock_.Now());
      const bool finished = decisions.finished.has_value();
      Collect(std::move(decisions), errands);
      if (!entry->answered.stop_requested() && (finished || !prepared.ok())) {
        Answer(entry, prepared.ok() ? absl::StatusOr<Tensors>(Tensors()) : prepared, errands);
      }
    }
    CarryOut(std::move(errands));
  }

  CpuPool& pool_;
  const Clock& clock_;
  const Time started_;
  const std::shared_ptr<IdleWatch> idle_ = std::make_shared<IdleWatch>();
  BufferPool output_buffers_{kMaxIdleOutputBytes};

  std::mutex mutex_;
  SchedulerCore core_;
  std::unordered_map<JobId, JobEntryPtr> table_;  ///< Jobs whose callers wait.
  std::map<std::pair<DeviceId, ModelGeneration>, std::shared_ptr<CompiledModel>> placements_;
  std::map<ModelGeneration, std::string> model_names_;       ///< Names of the models that were asked for.
  std::vector<std::pair<DeviceId, Done<>>> device_waiters_;  ///< Callers of NotifyDeviceIdle.
  std::shared_ptr<SchedulerObserver> observer_;
  std::optional<absl::Status> refusal_;
  std::optional<Time> armed_;  ///< What the alarm is set to.
  std::uint64_t last_job_ = 0;
  bool stopped_ = false;

  std::optional<Alarm> alarm_;  // Last: its thread uses the rest.
};

Scheduler::Scheduler(const SchedulerLimits& limits, CpuPool& pool, const Clock& clock)
    : impl_(std::make_shared<Impl>(limits, pool, clock)) {}

Scheduler::~Scheduler() {
  impl_->Stop();
}

JobId Scheduler::Submit(Job job) {
  return impl_->Submit(std::move(job));
}

void Scheduler::Cancel(JobId job) {
  impl_->Cancel(job);
}

void Scheduler::ChargeProcessor(const Client& client, PriorityClass priority, const ModelHandle& model, Duration cost) {
  impl_->ChargeProcessor(client, priority, model, cost);
}

void Scheduler::Refuse(absl::Status reason) {
  impl_->Refuse(std::move(reason));
}

void Scheduler::Close(const absl::Status& reason) {
  impl_->Close(reason);
}

void Scheduler::NotifyIdle(Done<> done) {
  impl_->NotifyIdle(std::move(done));
}

void Scheduler::PlacementChanged(DeviceId device, ModelGeneration model, std::shared_ptr<CompiledModel> compiled) {
  impl_->PlacementChanged(device, model, std::move(compiled));
}

void Scheduler::DeviceChanged(DeviceId device, DeviceState state, const DeviceLoss& loss) {
  impl_->DeviceChanged(device, state, loss);
}

void Scheduler::Pause(DeviceId device, bool paused) {
  impl_->Pause(device, paused);
}

void Scheduler::NotifyDeviceIdle(DeviceId device, Done<> done) {
  impl_->NotifyDeviceIdle(device, std::move(done));
}

SchedulerStats Scheduler::stats() const {
  return impl_->stats();
}

void Scheduler::ModelGone(ModelGeneration model, const absl::Status& reason) {
  impl_->ModelGone(model, reason);
}

void Scheduler::Observe(std::shared_ptr<SchedulerObserver> observer) {
  impl_->Observe(std::move(observer));
}

}  // namespace accelerd
