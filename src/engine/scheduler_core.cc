#include "engine/scheduler_core.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/job_table.h"
#include "engine/placement_table.h"
#include "engine/run_times.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds kLeastRetryDelay{1};
constexpr Seconds kMostRetryDelay{60};
constexpr double kMeanWeight = 0.125;  // Of the newest run in the moving mean of device time.
constexpr int kMediansToHang = 20;
constexpr std::chrono::seconds kLate{1};

}  // namespace

class SchedulerCore::Impl {
 public:
  explicit Impl(const SchedulerLimits& limits) : limits_(limits) {}

  void Submit(const JobInfo& job, Time now) {
    Expire(now);  // What is over must not keep the newcomer out.
    if (absl::Status status = Admit(job, now); !status.ok()) {
      decisions_.refuse.push_back({job.id, std::move(status)});
      return;
    }
    jobs_.Add(job);
  }

  void Prepared(JobId id, bool ok) {
    JobRecord* const job = jobs_.Find(id);
    if (job == nullptr || job->state != JobState::kPreparing) {
      return;
    }
    if (job->abandoned || !ok) {
      jobs_.Remove(*job);
    } else {
      jobs_.MoveTo(*job, JobState::kPrepared);
    }
  }

  void Finished(RunId id, Outcome outcome, Duration device_time, Time now) {
    const std::optional<Run> run = placements_.End(id);
    if (!run) {
      return;
    }
    if (outcome == Outcome::kDeviceFault || outcome == Outcome::kDeviceCrash) {
      placements_.Suspect(run->device, now + kFaultGrace);
      Fault(*run->job, outcome == Outcome::kDeviceCrash);
      return;
    }
    if (outcome == Outcome::kOk) {
      Measure(run->model, device_time);
    }
    if (!run->job->abandoned) {
      decisions_.finished = run->job->info.id;
    }
    jobs_.Remove(*run->job);
  }

  void Cancel(JobId id) {
    JobRecord* const job = jobs_.Find(id);
    if (job != nullptr && !job->abandoned) {
      EndForCaller(*job);
    }
  }

  void PlacementChanged(DeviceId device, ModelGeneration model, int slots) {
    placements_.SetSlots(device, model, slots);
    if (slots == 0) {
      run_times_.erase(model);
    }
  }

  void DeviceChanged(DeviceId device, DeviceState state, Time now, const DeviceLoss& loss) {
    const bool was_ready = placements_.StateOf(device) == DeviceState::kReady;
    placements_.SetState(device, state);
    if (state == DeviceState::kReady) {
      return;
    }
    if (was_ready) {
      lost_at_ = now;
    }
    retry_at_ = loss.retry_at;
    for (const RunId run : placements_.RunsOn(device)) {
      Fault(*placements_.End(run)->job, loss.crash);
    }
    if (state == DeviceState::kStuck) {
      RefuseJobs(jobs_.NotRunning(), Stuck());
    }
  }

  void Pause(DeviceId device, bool paused) { placements_.SetPaused(device, paused); }
  bool Busy(DeviceId device) const { return placements_.Busy(device); }

  void ModelGone(ModelGeneration model, const absl::Status& reason) { RefuseJobs(jobs_.NotRunning(model), reason); }

  /// What every event ends with. The one place where jobs expire, are granted, and start.
  Decisions Decide(Time now) {
    placements_.EndSuspicion(now);
    FindHangs(now);
    Expire(now);
    StartRuns(now);
    GrantPreparations();
    decisions_.next_wakeup = placements_.next_suspicion_end();
    WakeUpAt(placements_.next_overdue());
    if (const JobRecord* const next = jobs_.FirstToExpire()) {
      WakeUpAt(next->info.deadline);
    }
    return std::exchange(decisions_, Decisions());
  }

  std::size_t job_count() const { return jobs_.size(); }
  static SchedulerStats stats() { return {}; }
  std::size_t prepared_bytes() const { return jobs_.granted_bytes() + jobs_.given_bytes(); }

 private:
  static absl::Status Stuck() {
    return absl::UnavailableError(
        "the device hangs, and as it is driven inside the service, only a restart of the service can free it");
  }

  void WakeUpAt(std::optional<Time> at) {
    if (at) {
      decisions_.next_wakeup = std::min(decisions_.next_wakeup.value_or(Time::max()), *at);
    }
  }

  absl::Status Admit(const JobInfo& job, Time now) const {
    if (job.input_bytes > limits_.max_prepared_bytes) {
      return absl::ResourceExhaustedError(fmt::format("the inputs of one request take {} bytes; at most {} are allowed",
                                                      job.input_bytes, limits_.max_prepared_bytes));
    }
    if (jobs_.size() >= limits_.max_jobs) {
      return TryLater(
          absl::ResourceExhaustedError(fmt::format("the queue is full ({} jobs); try again later", limits_.max_jobs)));
    }
    if (job.prepared && jobs_.given_bytes() + job.input_bytes > limits_.max_prepared_bytes) {
      return TryLater(absl::ResourceExhaustedError(
          fmt::format("the queue is full ({} bytes of inputs); try again later", limits_.max_prepared_bytes)));
    }
    if (job.deadline <= now) {
      return TryLater(absl::DeadlineExceededError("the deadline was over when the request arrived"));
    }
    return placements_.Serves(job.model) ? absl::OkStatus() : AdmitToWait(now);
  }

  /// Of a model that is nowhere on a READY device.
  absl::Status AdmitToWait(Time now) const {
    if (placements_.AllStuck()) {
      return Stuck();
    }
    if (lost_at_ && now - *lost_at_ >= limits_.device_wait) {
      const Duration delay = std::clamp<Duration>(retry_at_ - now, std::chrono::seconds(1), std::chrono::seconds(60));
      return WithRetryAfter(absl::UnavailableError("the device was lost and is being brought back; try again later"),
                            delay);
    }
    return absl::OkStatus();
  }

  void Refuse(JobRecord& job, absl::Status status) {
    decisions_.refuse.push_back({job.info.id, TryLater(std::move(status))});
    EndForCaller(job);
  }

  /// The caller has its answer; what the job holds stays held until nobody uses it.
  void EndForCaller(JobRecord& job) {
    if (job.state == JobState::kPreparing || job.state == JobState::kRunning) {
      jobs_.Abandon(job);
    } else {
      jobs_.Remove(job);
    }
  }

  void RefuseJobs(const std::vector<JobId>& jobs, const absl::Status& reason) {
    for (const JobId id : jobs) {
      JobRecord& job = *jobs_.Find(id);
      decisions_.refuse.push_back({id, reason});
      EndForCaller(job);
    }
  }

  /// The device failed under the job, whose run is over. `crash`: the job may be the cause.
  void Fault(JobRecord& job, bool crash) {
    // From its first fault on it ran alone: nothing else that ran can be the cause of the second.
    if (crash && job.faults == 1) {
      decisions_.suspects.push_back(job.info.model);
    }
    if (job.abandoned) {
      jobs_.Remove(job);
      return;
    }
    jobs_.MoveTo(job, JobState::kPrepared);
    if (++job.faults == 2) {
      Refuse(job, absl::UnavailableError("the device failed twice while it ran this request; try again later"));
    }
  }

  void Expire(Time now) {
    for (JobRecord* job = jobs_.FirstToExpire(); job != nullptr && job->info.deadline <= now;
         job = jobs_.FirstToExpire()) {
      Refuse(*job, absl::DeadlineExceededError("the deadline passed while the request waited for the device"));
    }
  }

  void GrantPreparations() {
    for (JobRecord* job = jobs_.FirstWaiting(); job != nullptr; job = jobs_.FirstWaiting()) {
      const bool fits = prepared_bytes() + job->info.input_bytes <= limits_.max_prepared_bytes;
      if (!fits && jobs_.granted_bytes() > 0) {
        return;
      }
      jobs_.MoveTo(*job, JobState::kPreparing);
      decisions_.prepare.push_back({job->info.id});
    }
  }

  /// A device on which a run is over its bound does not answer: all that runs there runs again.
  void FindHangs(Time now) {
    while (Run* const overdue = placements_.FirstOverdue(now)) {
      if (now - overdue->overdue_at > kLate && !overdue->postponed) {
        placements_.Postpone(*overdue, now + kLate);
        continue;
      }
      const DeviceId device = overdue->device;
      decisions_.hangs.push_back({device, overdue->model, overdue->bound});
      placements_.SetState(device, DeviceState::kLost);
      lost_at_ = now;
      retry_at_ = now;
      for (const RunId id : placements_.RunsOn(device)) {
        const Run run = *placements_.End(id);
        Fault(*run.job, /*crash=*/run.overdue_at <= now);
      }
    }
  }

  Duration RunBound(ModelGeneration model) const {
    const auto measured = run_times_.find(model);
    if (measured == run_times_.end()) {
      return limits_.most_run_bound;
    }
    return std::min(std::max(kMediansToHang * measured->second.Median(), limits_.least_run_bound),
                    limits_.most_run_bound);
  }

  void StartRuns(Time now) {
    while (const auto next = placements_.NextStart(jobs_)) {
      const RunId run = placements_.Begin(*next, now, RunBound(next->job->info.model));
      jobs_.MoveTo(*next->job, JobState::kRunning);
      decisions_.start.push_back({next->job->info.id, run, next->device});
    }
  }

  void Measure(ModelGeneration model, Duration device_time) {
    run_times_[model].Add(device_time);
    const Seconds time = device_time;
    mean_device_time_ = mean_device_time_ ? *mean_device_time_ + kMeanWeight * (time - *mean_device_time_) : time;
  }

  absl::Status TryLater(absl::Status status) const {
    const double turns = static_cast<double>(jobs_.size()) / std::max(placements_.total_capacity(), 1);
    const Seconds delay = std::clamp(mean_device_time_.value_or(Seconds(0)) * turns, kLeastRetryDelay, kMostRetryDelay);
    return WithRetryAfter(std::move(status), std::chrono::ceil<std::chrono::seconds>(delay));
  }

  const SchedulerLimits limits_;
  JobTable jobs_;
  PlacementTable placements_;
  std::unordered_map<ModelGeneration, RunTimes> run_times_;  ///< Of models that are placed.
  std::optional<Seconds> mean_device_time_;
  std::optional<Time> lost_at_;  ///< The last time that a READY device was lost.
  Time retry_at_{};              ///< When that one may be back.
  Decisions decisions_;          ///< Of the event that is being handled.
};

SchedulerCore::SchedulerCore(const SchedulerLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
SchedulerCore::~SchedulerCore() = default;

Decisions SchedulerCore::Submit(const JobInfo& job, Time now) {
  impl_->Submit(job, now);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Prepared(JobId job, bool ok, Time now) {
  impl_->Prepared(job, ok);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Finished(RunId run, Outcome outcome, Duration device_time, Time now) {
  impl_->Finished(run, outcome, device_time, now);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Cancel(JobId job, Time now) {
  impl_->Cancel(job);
  return impl_->Decide(now);
}

Decisions SchedulerCore::PlacementChanged(DeviceId device, ModelGeneration model, int slots, Time now) {
  impl_->PlacementChanged(device, model, slots);
  return impl_->Decide(now);
}

Decisions SchedulerCore::DeviceChanged(DeviceId device, DeviceState state, Time now, const DeviceLoss& loss) {
  impl_->DeviceChanged(device, state, now, loss);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Pause(DeviceId device, bool paused, Time now) {
  impl_->Pause(device, paused);
  return impl_->Decide(now);
}

bool SchedulerCore::Busy(DeviceId device) const {
  return impl_->Busy(device);
}

Decisions SchedulerCore::ModelGone(ModelGeneration model, const absl::Status& reason, Time now) {
  impl_->ModelGone(model, reason);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Advance(Time now) {
  return impl_->Decide(now);
}

std::size_t SchedulerCore::job_count() const {
  return impl_->job_count();
}

SchedulerStats SchedulerCore::stats() const {
  return impl_->stats();
}

std::size_t SchedulerCore::prepared_bytes() const {
  return impl_->prepared_bytes();
}

}  // namespace accelerd
