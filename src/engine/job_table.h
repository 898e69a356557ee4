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
  int faults = 0;                  ///< Device faults while it ran; from the first on it runs alone.
  bool abandoned = false;          ///< The caller has its answer; only the end of the preparation or run is awaited.
  bool ahead = false;              ///< It counts in the window of its preparation.
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

  /// The job in WAITING to be prepared next; null when there is none.
  JobRecord* NextToPrepare();

  /// A job in PREPARED to run next, of the models that `eligible(model)` accepts; null when there is none.
  template <typename Eligible>
  JobRecord* NextToStart(Eligible eligible) const {
    return to_start_.Next(eligible, [this](ModelGeneration model) { return ToSeconds(costs_.Estimate(model)); });
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

  /// The jobs that are not RUNNING; of one model, or all. Looks at every job.
  std::vector<JobId> NotRunning(std::optional<ModelGeneration> model = std::nullopt) const;

  /// A preparation or run begins and is charged for what it is estimated to take. `window`: see PreparationOrder.
  void ChargePreparation(JobRecord& job, int window);
  void ChargeRun(const JobRecord& job, Duration estimate);
  /// A run took `difference` more than it was charged for.
  void CorrectRun(const JobRecord& job, Duration difference);
  /// The job does not count as prepared ahead any more. Does nothing when it did not.
  void ReleaseWindow(JobRecord& job, int window);

  /// The client's entry in the accounts, made if need be.
  Payer PayerOf(const Client& client);

  std::size_t size() const { return jobs_.size(); }
  /// Jobs in PREPARING, abandoned ones included.
  std::size_t preparing() const { return preparing_; }

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
  std::size_t preparing_ = 0;
  std::size_t granted_bytes_ = 0;
  std::size_t given_bytes_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_JOB_TABLE_H_
