#include "engine/scheduler_core.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/accounts.h"
#include "engine/admission.h"
#include "engine/device_outage.h"
#include "engine/job_table.h"
#include "engine/placement_table.h"
#include "engine/run_bounds.h"
#include "engine/run_costs.h"
#include "fmt/core.h"

namespace accelerd {

class SchedulerCore::Impl {
 public:
  explicit Impl(const SchedulerLimits& limits) : limits_(limits), accounts_(limits.max_clients), run_bounds_(limits) {}

  void Submit(JobInfo info, Time now) {
    Expire(now);  // What is over must not keep the newcomer out.
    const Payer payer = jobs_.PayerOf(info.client);
    JobRecord* const replaced = jobs_.WaitingFrame(info);
    auto turnaway = Judge(info, payer, replaced != nullptr, now);
    if (turnaway && turnaway->could_make_room && MakeRoomFor(payer)) {
      turnaway = Judge(info, payer, replaced != nullptr, now);
    }
    if (turnaway) {
      Tell(info.id, payer, info.model, std::move(turnaway->status), turnaway->reason);
      return;
    }
    std::optional<std::uint64_t> place;
    if (replaced != nullptr) {
      place = replaced->order;
      Supersede(*replaced);
    }
    JobRecord& job = jobs_.Add(std::move(info), payer, now, place);
    if (job.info.prepared && !job.info.stream.empty()) {
      jobs_.MoveTo(job, JobState::kPrepared, TakePlaceOfOlderFrames(job));
    }
  }

  void Prepared(JobId id, bool ok, Duration cost, Time now) {
    JobRecord* const job = jobs_.Find(id);
    if (job == nullptr || job->state != JobState::kPreparing) {
      return;
    }
    jobs_.EndPreparation(*job, cost);
    CountUse(*job, Resource::kProcessor, cost, now - cost, now);
    if (!job->abandoned && !ok) {
      Count(*job, [](Account& account) { account.stats.failed++; });
    }
    if (job->abandoned || !ok) {
      Remove(*job);
      return;
    }
    const std::uint64_t place = TakePlaceOfOlderFrames(*job);
    if (job->info.model == kNoModel) {
      decisions_.finished = id;
      Count(*job, [](Account& account) { account.stats.decoded++; });
      Remove(*job);
      return;
    }
    jobs_.MoveTo(*job, JobState::kPrepared, place);
  }

  void ChargeProcessor(const Client& client, PriorityClass priority, ModelGeneration model, Duration cost, Time now) {
    if (const std::optional<Payer> payer = accounts_.clients().Known(client)) {
      jobs_.ChargeProcessor({.priority = priority, .payer = *payer, .model = model}, cost);
      accounts_.Count(*payer, model,
                      [&](Account& account) { account.AddUse(Resource::kProcessor, cost, now - cost, now); });
    }
  }

  void Finished(RunId id, Outcome outcome, Duration device_time, Time now) {
    const std::optional<Run> run = EndRun(id, now);
    if (!run) {
      return;
    }
    if (outcome == Outcome::kDeviceFault || outcome == Outcome::kDeviceCrash) {
      placements_.Suspect(run->device, now + kFaultGrace);
      Fault(*run->job, outcome == Outcome::kDeviceCrash);
      return;
    }
    if (outcome == Outcome::kOk) {
      run_bounds_.Add(run->model, device_time);
      costs_.Add(run->model, run->charge);
    }
    if (!run->job->abandoned) {
      decisions_.finished = run->job->info.id;
      Count(*run->job, [outcome, now](Account& account) {
        if (outcome == Outcome::kOk) {
          account.CountCompleted(now);
        } else {
          account.stats.failed++;
        }
      });
    }
    Remove(*run->job);
  }

  void Cancel(JobId id) {
    JobRecord* const job = jobs_.Find(id);
    if (job != nullptr && !job->abandoned) {
      Count(*job, [](Account& account) { account.stats.cancelled++; });
      EndForCaller(*job);
    }
  }

  void PlacementChanged(DeviceId device, ModelGeneration model, int slots) {
    placements_.SetSlots(device, model, slots);
    if (slots == 0) {
      run_bounds_.Forget(model);
      costs_.Forget(model);
    }
  }

  void DeviceChanged(DeviceId device, DeviceState state, Time now, const DeviceLoss& loss) {
    const bool was_ready = placements_.StateOf(device) == DeviceState::kReady;
    placements_.SetState(device, state);
    if (state == DeviceState::kReady) {
      return;
    }
    outage_.Report(was_ready, loss.retry_at, now);
    for (const RunId run : placements_.RunsOn(device)) {
      Fault(*EndRun(run, now)->job, loss.crash);
    }
    if (state == DeviceState::kStuck) {
      RefuseJobs(jobs_.NotRunning(), DeviceIsStuck(), RefusalReason::kDeviceLost);
    }
  }

  void Pause(DeviceId device, bool paused) { placements_.SetPaused(device, paused); }
  bool Busy(DeviceId device) const { return placements_.Busy(device); }

  void ModelGone(ModelGeneration model, const absl::Status& reason) {
    RefuseJobs(jobs_.NotRunning(model), reason, RefusalReason::kModelGone);
  }

  /// What every event ends with. The one place where jobs expire, are granted, and start.
  Decisions Decide(Time now) {
    placements_.EndSuspicion(now);
    FindHangs(now);
    Expire(now);
    StartRuns(now);
    GrantPreparations(now);
    decisions_.next_wakeup = placements_.next_wakeup();
    if (const std::optional<Time> stall = jobs_.next_stall(limits_.max_preparing); stall && *stall > now) {
      decisions_.next_wakeup = std::min(decisions_.next_wakeup.value_or(Time::max()), *stall);
    }
    if (const JobRecord* const next = jobs_.FirstToExpire()) {
      decisions_.next_wakeup = std::min(decisions_.next_wakeup.value_or(Time::max()), next->info.deadline);
    }
    return std::exchange(decisions_, Decisions());
  }

  Report MakeReport(Time now) {
    placements_.ForEachRun([&](Run& run) { CountProgress(run, now); });
    Report report;
    report.total = accounts_.total().Report(now);
    for (const auto& [model, account] : accounts_.models()) {
      report.models.emplace(model, account.Report(now));
    }
    report.clients = accounts_.clients().Report(now);
    return report;
  }

  std::size_t job_count() const { return jobs_.size(); }
  std::size_t prepared_bytes() const { return jobs_.granted_bytes() + jobs_.given_bytes(); }
  const Accounts& accounts() const { return accounts_; }

 private:
  template <typename Change>
  void Count(const JobRecord& job, Change change) {
    accounts_.Count(job.payer, job.info.model, change);
  }

  void CountUse(const JobRecord& job, Resource resource, Duration amount, Time from, Time to) {
    Count(job, [&](Account& account) { account.AddUse(resource, amount, from, to); });
  }

  /// Counts what the run used since that was counted last.
  void CountProgress(Run& run, Time now) {
    const Duration charge = placements_.ChargeUntil(run, now);
    CountUse(*run.job, Resource::kDevice, charge - run.counted, run.counted_at, now);
    run.counted = charge;
    run.counted_at = now;
  }

  /// Counts a refusal, and marks it for whoever tells the caller.
  void Tell(JobId job, const Payer& payer, ModelGeneration model, absl::Status status, RefusalReason reason) {
    accounts_.Count(payer, model,
                    [reason](Account& account) { account.stats.refused.at(static_cast<std::size_t>(reason))++; });
    decisions_.refuse.push_back({job, WithRefusal(std::move(status), reason)});
  }

  void EndWith(JobRecord& job, absl::Status status, RefusalReason reason) {
    Tell(job.info.id, job.payer, job.info.model, std::move(status), reason);
    EndForCaller(job);
  }

  std::optional<Turnaway> Judge(const JobInfo& job, const Payer& payer, bool replaces_frame, Time now) const {
    const AdmissionRequest request{
        .job = job,
        .payer = payer,
        .cost = {costs_.Estimate(job.model), job.prepared ? Duration(0) : accounts_.clients().PreparationOf(payer)},
        .jobs = jobs_.size(),
        .given_bytes = jobs_.given_bytes(),
        .servers = ServersOf(job),
        .replaces_frame = replaces_frame};
    if (job.model != kNoModel && !placements_.Serves(job.model)) {
      if (auto turnaway = outage_.Judge(placements_.AllStuck(), limits_.device_wait, now)) {
        return turnaway;
      }
    }
    return JudgeAdmission(limits_, accounts_.clients(), request, now);
  }

  Servers ServersOf(const JobInfo& job) const {
    return {job.model == kNoModel ? 0 : std::max(placements_.DevicesWith(job.model), 1),
            job.prepared ? 0 : limits_.max_preparing};
  }

  /// The queue is full: who has most gives up the job that came last.
  bool MakeRoomFor(const Payer& payer) {
    const std::optional<GroupIndex> giver = WhoGivesRoom(accounts_.clients(), payer);
    JobRecord* const last = giver ? jobs_.LastOf(*giver) : nullptr;
    if (last == nullptr) {
      return false;
    }
    Refuse(*last,
           absl::ResourceExhaustedError(
               "the queue is full, and the client has more waiting than the others; try again later"),
           RefusalReason::kClientQueueFull);
    return true;
  }

  void Supersede(JobRecord& job) {
    EndWith(job,
            absl::AbortedError(
                fmt::format("a newer frame of the stream \"{}\" took the place of this one", job.info.stream)),
            RefusalReason::kSuperseded);
  }

  /// The job's inputs are there: ends the older frames of its stream. Returns the place that the job gets.
  std::uint64_t TakePlaceOfOlderFrames(const JobRecord& job) {
    std::uint64_t place = job.order;
    for (JobRecord* const older : jobs_.OlderFrames(job)) {
      place = std::min(place, older->order);
      Supersede(*older);
    }
    return place;
  }

  /// For a reason that may be gone when the work that waits is done.
  void Refuse(JobRecord& job, absl::Status status, RefusalReason reason) {
    EndWith(job, TryAgain(std::move(status), accounts_.clients(), ServersOf(job.info)), reason);
  }

  /// The caller has its answer; what the job holds stays held until nobody uses it.
  void EndForCaller(JobRecord& job) {
    if (job.state == JobState::kPreparing || job.state == JobState::kRunning) {
      jobs_.ReleaseWindow(job, Window(job.info.model));
      jobs_.Abandon(job);
    } else {
      Remove(job);
    }
  }

  void Remove(JobRecord& job) {
    jobs_.ReleaseWindow(job, Window(job.info.model));
    jobs_.Remove(job);
  }

  void RefuseJobs(const std::vector<JobId>& jobs, const absl::Status& status, RefusalReason reason) {
    for (const JobId id : jobs) {
      EndWith(*jobs_.Find(id), status, reason);
    }
  }

  /// The client pays what the run took; unset when the run is not current.
  std::optional<Run> EndRun(RunId id, Time now) {
    const std::optional<Run> run = placements_.End(id, now);
    if (run) {
      jobs_.CorrectRun(*run->job, run->charge - run->estimate);
      CountUse(*run->job, Resource::kDevice, run->charge - run->counted, run->counted_at, now);
    }
    return run;
  }

  /// The device failed under the job, whose run is over. `crash`: the job may be the cause.
  void Fault(JobRecord& job, bool crash) {
    // From its first fault on it ran alone: nothing else that ran can be the cause of the second.
    if (crash && job.faults == 1) {
      decisions_.suspects.push_back(job.info.model);
    }
    if (job.abandoned) {
      Remove(job);
      return;
    }
    job.faults++;
    jobs_.MoveTo(job, JobState::kPrepared);
    if (job.faults == 2) {
      Refuse(job, absl::UnavailableError("the device failed twice while it ran this request; try again later"),
             RefusalReason::kDeviceLost);
    }
  }

  void Expire(Time now) {
    for (JobRecord* job = jobs_.FirstToExpire(); job != nullptr && job->info.deadline <= now;
         job = jobs_.FirstToExpire()) {
      Refuse(*job,
             absl::DeadlineExceededError(job->info.model == kNoModel
                                             ? "the deadline passed before the image was decoded"
                                             : "the deadline passed while the request waited for the device"),
             RefusalReason::kExpired);
    }
  }

  /// Enough that the slots find prepared jobs while as many again are in preparation.
  int Window(ModelGeneration model) const { return std::max(placements_.SlotsOf(model), 1) + limits_.max_preparing; }

  void GrantPreparations(Time now) {
    while (JobRecord* const job = NextToPrepare(now)) {
      jobs_.BeginPreparation(*job, Window(job->info.model), limits_.max_preparing, now);
      decisions_.prepare.push_back({job->info.id});
    }
  }

  /// The next job that may be prepared now; null when there is none.
  JobRecord* NextToPrepare(Time now) {
    JobTable::PreparationFilter filter;
    if (jobs_.preparing() >= limits_.max_preparing) {
      const std::optional<Time> stall = jobs_.next_stall(limits_.max_preparing);
      if (!stall || *stall > now) {
        return nullptr;
      }
      filter.idle_groups_only = true;
    }
    JobRecord* job = jobs_.NextToPrepare(filter);
    if (job != nullptr && prepared_bytes() + job->info.input_bytes > limits_.max_prepared_bytes &&
        jobs_.granted_bytes() > 0) {
      // Nobody overtakes it who would take the memory that it waits for.
      filter.without_model_only = true;
      job = jobs_.NextToPrepare(filter);
    }
    return job;
  }

  /// A device on which a run is over its bound does not answer: all that runs there runs again.
  void FindHangs(Time now) {
    while (const Run* const overdue = placements_.FirstOverdue(now)) {
      const DeviceId device = overdue->device;
      decisions_.hangs.push_back({device, overdue->model, overdue->bound});
      placements_.SetState(device, DeviceState::kLost);
      outage_.Report(/*was_ready=*/true, /*retry_at=*/now, now);
      for (const RunId id : placements_.RunsOn(device)) {
        const Run run = *EndRun(id, now);
        Fault(*run.job, /*crash=*/run.overdue_at <= now);
      }
    }
  }

  void StartRuns(Time now) {
    while (const auto next = placements_.NextStart(jobs_)) {
      JobRecord& job = *next->job;
      const Duration estimate = costs_.Estimate(job.info.model);
      const RunId run = placements_.Begin(*next, now, run_bounds_.Of(job.info.model), estimate);
      jobs_.ReleaseWindow(job, Window(job.info.model));
      jobs_.MoveTo(job, JobState::kRunning);
      jobs_.ChargeRun(job, estimate);
      if (job.faults == 0) {
        Count(job, [wait = now - job.submitted](Account& account) { CountStart(account.stats, wait); });
      }
      decisions_.start.push_back({job.info.id, run, next->device});
    }
  }

  const SchedulerLimits limits_;
  Accounts accounts_;
  RunCosts costs_;
  JobTable jobs_{accounts_, costs_};
  PlacementTable placements_;
  RunBounds run_bounds_;
  DeviceOutage outage_;
  Decisions decisions_;  ///< Of the event that is being handled.
};

SchedulerCore::SchedulerCore(const SchedulerLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
SchedulerCore::~SchedulerCore() = default;

Decisions SchedulerCore::Submit(JobInfo job, Time now) {
  impl_->Submit(std::move(job), now);
  return impl_->Decide(now);
}

Decisions SchedulerCore::Prepared(JobId job, bool ok, Duration cost, Time now) {
  impl_->Prepared(job, ok, cost, now);
  return impl_->Decide(now);
}

void SchedulerCore::ChargeProcessor(const Client& client, PriorityClass priority, ModelGeneration model, Duration cost,
                                    Time now) {
  impl_->ChargeProcessor(client, priority, model, cost, now);
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

const ShareStats& SchedulerCore::total() const {
  return impl_->accounts().total().stats;
}

bool SchedulerCore::KnowsModel(ModelGeneration model) const {
  return impl_->accounts().models().contains(model);
}

SchedulerCore::Report SchedulerCore::MakeReport(Time now) {
  return impl_->MakeReport(now);
}

std::size_t SchedulerCore::prepared_bytes() const {
  return impl_->prepared_bytes();
}

}  // namespace accelerd
