#ifndef ACCELERD_ENGINE_JOB_TABLE_H_
#define ACCELERD_ENGINE_JOB_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "engine/accounts.h"
#include "engine/deadline_queue.h"
#include "engine/preparation_order.h"
#include "engine/run_costs.h"
#include "engine/scheduler_core.h"
#include "engine/stream_table.h"
#include "engine/turn_order.h"

namespace accelerd {

enum class JobState { kWaiting, kPreparing, kPrepared, kRunning };

/// What the scheduler's core knows of a job that is not DONE.
struct JobRecord {
  JobInfo info;
  Payer payer;
  std::uint64_t order = 0;  ///< Its place among the jobs of its client and model; kept when a job runs again.
  JobState state = JobState::kWaiting;
  Time submitted{};
  Duration estimate{};             ///< Of its time on the device, when it was submitted.
  Duration preparation{};          ///< Estimate of the time of its preparation, when it was submitted.
  int faults = 0;                  ///< Device faults while it ran; from the first on it runs alone.
  bool abandoned = false;          ///< The caller has its answer; only the end of the preparation or run is awaited.
  Duration charged{};              ///< What its preparation was charged when it began.
  bool ahead = false;              ///< It counts in the window of its preparation.
  bool beyond_places = false;      ///< Its preparation is beyond the usual places.
  std::size_t deadline_place = 0;  ///< In the queue of deadlines.

  TurnOrder::Place place() const { return {info.priority, payer, info.model, order}; }
};

/// The jobs of the core, and the orders in which the core asks for them. Abandoned jobs are in no order.
class JobTable {
 public:
  /// Both outlive the table.
  JobTable(Accounts& accounts, const RunCosts& costs) : accounts_(accounts), costs_(costs) {}

  /// A new job, at a place that became free, or behind all others of its client and model. REQUIRES: its id is new.
  /// References stay valid until Remove.
  JobRecord& Add(JobInfo info, const Payer& payer, Time now, std::optional<std::uint64_t> place = std::nullopt);

  /// Null when there is none.
  JobRecord* Find(JobId id);

  /// Makes every change of a job's state, and of its place. REQUIRES: not abandoned.
  void MoveTo(JobRecord& job, JobState state, std::optional<std::uint64_t> place = std::nullopt);

  /// Takes the job out of all orders; it keeps its bytes until Remove.
  void Abandon(JobRecord& job);

  void Remove(JobRecord& job);

  /// Which jobs may be prepared next.
  struct PreparationFilter {
    bool idle_groups_only = false;    ///< Those of groups of which nothing is in preparation.
    bool without_model_only = false;  ///< Those of kNoModel.
  };

  /// Returns the job in WAITING to be prepared next, or null.
  JobRecord* NextToPrepare(const PreparationFilter& filter);

  /// Returns the job in PREPARED to run next, of the models that `eligible(model)` accepts, or null.
  template <typename Eligible>
  JobRecord* NextToStart(Eligible eligible) const {
    return to_start_.Next(eligible,
                          [this](const JobRecord& job) { return ToSeconds(costs_.Estimate(job.info.model)); });
  }

  /// The earliest job in PREPARED of `model` that has to run alone; null when there is none.
  JobRecord* NextToRunAlone(ModelGeneration model) const;

  /// The frame of the new job's stream whose preparation has not begun; null when there is none.
  JobRecord* WaitingFrame(const JobInfo& info) const;

  /// The frames of the job's stream that arrived before it and have not started.
  std::vector<JobRecord*> OlderFrames(const JobRecord& job) const;

  /// The job of the group to give up first when there is no room; null when none of it may be.
  JobRecord* LastOf(GroupIndex group);

  /// The earliest deadline of the jobs that are not RUNNING, and that job; null when none has a deadline.
  JobRecord* FirstToExpire() const { return deadlines_.first(); }

  /// Returns the jobs with a model that are not RUNNING; of one model, or all. Looks at every job.
  std::vector<JobId> NotRunning(std::optional<ModelGeneration> model = std::nullopt) const;

  /// The job's preparation begins and is charged for what it is estimated to take. It is beyond the `places` when they
  /// are taken. `window`: see PreparationOrder.
  void BeginPreparation(JobRecord& job, int window, int places, Time now);
  /// The preparation ended and took `cost` in fact. REQUIRES: it is in PREPARING.
  void EndPreparation(JobRecord& job, Duration cost);
  /// Charges the payer for `cost` more of the threads that prepare.
  void ChargeProcessor(const TurnOrder::Place& place, Duration cost);

  /// A run begins and is charged for what it is estimated to take.
  void ChargeRun(const JobRecord& job, Duration estimate);
  /// A run took `difference` more than it was charged for.
  void CorrectRun(const JobRecord& job, Duration difference);
  /// The job does not count as prepared ahead any more. Does nothing when it did not.
  void ReleaseWindow(JobRecord& job, int window);

  /// The client's entry in the accounts, made if need be.
  Payer PayerOf(const Client& client);

  std::size_t size() const { return jobs_.size(); }
  /// Jobs in PREPARING, abandoned ones included, without the one beyond the places.
  int preparing() const { return preparing_; }

  /// When the `places`, which are all taken, count as stalled, so that one preparation more may begin. Unset: there is
  /// one already, nobody waits for it, or a place is free.
  std::optional<Time> next_stall(int places) const {
    return preparing_ >= places && !beyond_places_ && to_prepare_.idle_groups_wait()
               ? std::optional(last_preparation_ + SchedulerCore::kPreparationStall)
               : std::nullopt;
  }

  /// Inputs of jobs past WAITING: prepared because the core granted it, and given as tensors.
  std::size_t granted_bytes() const { return granted_bytes_; }
  std::size_t given_bytes() const { return given_bytes_; }

 private:
  void EnterOrders(JobRecord& job);
  void LeaveOrders(JobRecord& job);
  void CountState(const JobRecord& job, int change);
  std::size_t& BytesOf(const JobRecord& job) { return job.info.prepared ? given_bytes_ : granted_bytes_; }

  Accounts& accounts_;
  const RunCosts& costs_;
  absl::node_hash_map<JobId, JobRecord> jobs_;
  PreparationOrder to_prepare_;
  TurnOrder to_start_;
  std::unordered_map<ModelGeneration, std::map<std::uint64_t, JobRecord*>> alone_;
  StreamTable streams_;
  DeadlineQueue deadlines_;
  std::uint64_t next_order_ = 0;
  int preparing_ = 0;
  bool beyond_places_ = false;  ///< One preparation goes on beside them.
  Time last_preparation_{};     ///< When one of `preparing_` began last.
  std::size_t granted_bytes_ = 0;
  std::size_t given_bytes_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_JOB_TABLE_H_
