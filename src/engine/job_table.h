#ifndef ACCELERD_ENGINE_JOB_TABLE_H_
#define ACCELERD_ENGINE_JOB_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/scheduler_core.h"

namespace accelerd {

enum class JobState { kWaiting, kPreparing, kPrepared, kRunning };

/// What the scheduler's core knows of a job that is not DONE.
struct JobRecord {
  JobInfo info;
  std::uint64_t order = 0;  ///< Place in the order of arrival; kept when a job runs again.
  JobState state = JobState::kWaiting;
  int faults = 0;          ///< Device faults while it ran; from the first on it runs alone.
  bool abandoned = false;  ///< The caller has its answer; only the end of the preparation or run is awaited.
};

/// The jobs of the core, and the orders in which the core asks for them. Abandoned jobs are in no order.
class JobTable {
 public:
  /// Puts a new job behind all others. REQUIRES: its id is new. References stay valid until Remove.
  JobRecord& Add(const JobInfo& info);

  /// Null when there is none.
  JobRecord* Find(JobId id);

  /// Makes every change of a job's state. REQUIRES: not abandoned.
  void MoveTo(JobRecord& job, JobState state);

  /// Takes the job out of all orders; it keeps its bytes until Remove.
  void Abandon(JobRecord& job);

  void Remove(JobRecord& job);

  /// The earliest job in WAITING; null when there is none.
  JobRecord* FirstWaiting() const;

  /// The earliest job of `model` in PREPARED; null when there is none.
  JobRecord* FirstPrepared(ModelGeneration model) const;

  /// The earliest deadline of the jobs that are not RUNNING, and that job; null when none has a deadline.
  JobRecord* FirstToExpire() const;

  /// The jobs that are not RUNNING; of one model, or all. In the order of arrival; looks at every job.
  std::vector<JobId> NotRunning(std::optional<ModelGeneration> model = std::nullopt) const;

  std::size_t size() const { return jobs_.size(); }

  /// Inputs of jobs past WAITING: prepared because the core granted it, and given as tensors.
  std::size_t granted_bytes() const { return granted_bytes_; }
  std::size_t given_bytes() const { return given_bytes_; }

 private:
  using ByOrder = std::map<std::uint64_t, JobRecord*>;

  void EnterOrders(JobRecord& job);
  void LeaveOrders(JobRecord& job);
  std::size_t& BytesOf(const JobRecord& job) { return job.info.prepared ? given_bytes_ : granted_bytes_; }

  std::unordered_map<JobId, JobRecord> jobs_;
  ByOrder waiting_;
  std::unordered_map<ModelGeneration, ByOrder> prepared_;
  std::map<std::pair<Time, std::uint64_t>, JobRecord*> deadlines_;
  std::uint64_t next_order_ = 0;
  std::size_t granted_bytes_ = 0;
  std::size_t given_bytes_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_JOB_TABLE_H_
