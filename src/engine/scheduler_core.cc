#include "engine/scheduler_core.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/job_table.h"
#include "engine/placement_table.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds kLeastRetryDelay{1};
constexpr Seconds kMostRetryDelay{60};
constexpr double kMeanWeight = 0.125;  // Of the newest run in the moving mean of device time.

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
    if (outcome == Outcome::kDeviceFault) {
      placements_.Suspect(run->device, now + kFaultGrace);
      Fault(*run->job);
      return;
    }
    if (outcome == Outcome::kOk) {
      Measure(device_time);
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
  }

  void DeviceChanged(DeviceId device, DeviceState state) {
    placements_.SetState(device, state);
    if (state == DeviceState::kReady) {
      return;
    }
    for (const RunId run : placements_.RunsOn(device)) {
      Fault(*placements_.End(run)->job);
    }
  }

  /// What every event ends with. The one place where jobs expire, are granted, and start.
  Decisions Decide(Time now) {
    placements_.EndSuspicion(now);
    Expire(now);
    StartRuns();
    GrantPreparations();
    decisions_.next_wakeup = placements_.next_suspicion_end();
    if (const JobRecord* const next = jobs_.FirstToExpire()) {
      decisions_.next_wakeup = std::min(decisions_.next_wakeup.value_or(Time::max()), next->info.deadline);
    }
    return std::exchange(decisions_, Decisions());
  }

  std::size_t job_count() const { return jobs_.size(); }
  std::size_t prepared_bytes() const { return jobs_.granted_bytes() + jobs_.given_bytes(); }

 private:
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

  /// The device failed under the job, whose run is over.
  void Fault(JobRecord& job) {
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

  void StartRuns() {
    while (const auto next = placements_.NextStart(jobs_)) {
      const RunId run = placements_.Begin(*next);
      jobs_.MoveTo(*next->job, JobState::kRunning);
      decisions_.start.push_back({next->job->info.id, run, next->device});
    }
  }

  void Measure(Duration device_time) {
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
  std::optional<Seconds> mean_device_time_;
  Decisions decisions_;  ///< Of the event that is being handled.
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

Decisions SchedulerCore::DeviceChanged(DeviceId device, DeviceState state, Time now) {
  impl_->DeviceChanged(device, state);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Advance(Time now) {
  return impl_->Decide(now);
}

std::size_t SchedulerCore::job_count() const {
  return impl_->job_count();
}

std::size_t SchedulerCore::prepared_bytes() const {
  return impl_->prepared_bytes();
}

}  // namespace accelerd
