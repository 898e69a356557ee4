#ifndef ACCELERD_ENGINE_SCHEDULER_CORE_JUDGE_H_
#define ACCELERD_ENGINE_SCHEDULER_CORE_JUDGE_H_

/// \file
/// A checker of SchedulerCore's decisions that keeps its own books, for its tests.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/scheduler_core.h"
#include "gtest/gtest.h"

namespace accelerd {

inline constexpr int kDevices = 2;
inline constexpr int kModels = 3;
inline constexpr std::size_t kMaxJobs = 40;
inline constexpr std::size_t kMaxBytes = 1000;
inline constexpr std::size_t kClients = 8;
inline constexpr int kMaxPreparing = 3;
inline constexpr std::chrono::milliseconds kRunBound{60};  // Short enough that some runs take longer.

/// What the outside knows of a job: what was decided, and what it was told.
struct KnownJob {
  JobInfo info;
  enum { kWaiting, kPreparing, kPrepared, kRunning } state = kWaiting;
  RunId run{};
  DeviceId device{};
  Time started{};
  int faults = 0;
  bool ended = false;       // For its caller.
  std::uint64_t place = 0;  // Among the jobs of its client and model.
  bool has_started = false;
  bool beyond = false;  // It is prepared beyond the usual places.

  auto flow() const { return std::tie(info.client.group, info.client.member, info.priority, info.model); }
  auto window() const { return std::tie(info.client.group, info.priority, info.model); }
  bool is_frame_of(const KnownJob& other) const {
    return !info.stream.empty() && info.stream == other.info.stream && info.model == other.info.model &&
           info.client.group == other.info.client.group && info.client.member == other.info.client.member;
  }
};

/// Whoever derives from it makes the events, and writes down here what it told the core, before Judge.
class SchedulerCoreJudge {
 protected:
  struct Device {
    bool ready = false;
    Time suspect_until = Time::min();
    std::map<ModelGeneration, int> slots;

    int capacity() const {
      int capacity = 0;
      for (const auto& [model, count] : slots) {
        capacity = std::max(capacity, count);
      }
      return capacity;
    }
  };

  /// `few_clients`: all are told apart all the time, so that each has one order.
  explicit SchedulerCoreJudge(bool few_clients)
      : few_clients_(few_clients),
        core_({.max_jobs = kMaxJobs,
               .max_prepared_bytes = kMaxBytes,
               .max_clients = few_clients ? kClients : kClients / 2,
               .max_preparing = kMaxPreparing,
               .device_wait = std::chrono::hours(1'000'000),
               .least_run_bound = kRunBound,
               .most_run_bound = kRunBound}) {}

  template <typename Condition>
  std::vector<JobId> JobsWhere(Condition condition) const {
    std::vector<JobId> found;
    for (const auto& [id, job] : jobs_) {
      if (condition(job)) {
        found.push_back(id);
      }
    }
    return found;
  }

  /// The job's run is over by the device's fault. At the second, Judge expects the refusal.
  void Fault(JobId id) {
    KnownJob& job = jobs_[id];
    if (job.ended) {
      jobs_.erase(id);
      return;
    }
    job.state = KnownJob::kPrepared;
    job.faults++;
  }

  void EndForCaller(JobId id) {
    KnownJob& job = jobs_[id];
    job.ended = true;
    if (job.state == KnownJob::kWaiting || job.state == KnownJob::kPrepared) {
      jobs_.erase(id);
    }
  }

  void Judge(const Decisions& decisions) {
    JudgeHangs(decisions);
    for (const Decisions::Refusal& refusal : decisions.refuse) {
      ASSERT_TRUE(jobs_.contains(refusal.job)) << "refused after its end";
      const KnownJob& job = jobs_[refusal.job];
      ASSERT_FALSE(job.ended) << "ended twice";
      ASSERT_NE(job.state, KnownJob::kRunning);
      ASSERT_FALSE(refusal.status.ok());
      if (absl::IsAborted(refusal.status)) {
        JudgeSuperseded(job);
      }
      EndForCaller(refusal.job);
    }
    if (decisions.finished) {
      jobs_.erase(*decisions.finished);  // Without a model; of others that is known.
    }
    for (const Decisions::Start& start : decisions.start) {
      JudgeStart(start);
    }
    for (const Decisions::Preparation& preparation : decisions.prepare) {
      JudgePreparation(preparation.job);
    }
    JudgeState(decisions);
  }

  const bool few_clients_;
  SchedulerCore core_;
  Time now_ = Time(std::chrono::hours(1));
  std::map<JobId, KnownJob> jobs_;
  std::map<DeviceId, Device> devices_;
  std::optional<JobId> frame_;  // Came, or was prepared, in this event.
  int superseded_ = 0;
  std::vector<RunId> stale_runs_;  // Those that are over.

 private:
  /// What the core decides by itself: a run is over its bound.
  void JudgeHangs(const Decisions& decisions) {
    for (const Decisions::Hang& hang : decisions.hangs) {
      ASSERT_TRUE(devices_[hang.device].ready);
      const auto running =
          JobsWhere([&](const KnownJob& job) { return job.state == KnownJob::kRunning && job.device == hang.device; });
      ASSERT_TRUE(std::any_of(running.begin(), running.end(), [&](JobId id) {
        return jobs_[id].info.model == hang.model && now_ - jobs_[id].started >= hang.bound;
      })) << "gave up a device on which nothing hangs";
      devices_[hang.device].ready = false;
      for (const JobId id : running) {
        stale_runs_.push_back(jobs_[id].run);
        Fault(id);
      }
    }
    for (const auto& [id, job] : jobs_) {
      ASSERT_FALSE(job.state == KnownJob::kRunning && now_ - job.started >= kRunBound) << "a run hangs unnoticed";
    }
  }

  /// Only the frame of this event, which is newer, takes a place: from one that waits at once, else with its inputs
  /// there.
  void JudgeSuperseded(const KnownJob& job) {
    ASSERT_TRUE(frame_ && jobs_.contains(*frame_));
    KnownJob& frame = jobs_[*frame_];
    ASSERT_TRUE(frame.is_frame_of(job));
    ASSERT_LT(job.info.id, *frame_);
    ASSERT_FALSE(job.has_started);
    ASSERT_TRUE(job.state == KnownJob::kWaiting || frame.state == KnownJob::kPrepared);
    frame.place = std::min(frame.place, job.place);
    superseded_++;
  }

  void JudgePreparation(JobId id) {
    ASSERT_TRUE(jobs_.contains(id));
    KnownJob& job = jobs_[id];
    ASSERT_EQ(job.state, KnownJob::kWaiting);
    for (const auto& [other_id, other] : jobs_) {
      ASSERT_FALSE(few_clients_ && other.place < job.place && other.state == KnownJob::kWaiting &&
                   other.flow() == job.flow())
          << "granted out of order";
    }
    job.beyond = CountPreparing(/*beyond=*/false) == kMaxPreparing;
    if (job.beyond) {
      ASSERT_EQ(CountPreparing(/*beyond=*/true), 0);
      ASSERT_GE(now_ - last_preparation_, SchedulerCore::kPreparationStall) << "one more than there are places";
      ASSERT_FALSE(few_clients_ && Occupies(job.info.client.group)) << "the client has a place already";
    } else {
      last_preparation_ = now_;
    }
    job.state = KnownJob::kPreparing;
  }

  std::ptrdiff_t CountPreparing(bool beyond) const {
    return std::ranges::count_if(jobs_, [beyond](const auto& entry) {
      return entry.second.state == KnownJob::kPreparing && entry.second.beyond == beyond;
    });
  }

  /// Whether something of the client is in preparation.
  bool Occupies(const std::string& group) const {
    return std::ranges::any_of(jobs_, [&group](const auto& entry) {
      return entry.second.state == KnownJob::kPreparing && entry.second.info.client.group == group;
    });
  }

  void JudgeStart(const Decisions::Start& start) {
    ASSERT_TRUE(jobs_.contains(start.job));
    KnownJob& job = jobs_[start.job];
    ASSERT_EQ(job.state, KnownJob::kPrepared);
    ASSERT_LT(job.faults, 2);
    ASSERT_GT(job.info.deadline, now_) << "an expired job reached the device";
    ASSERT_TRUE(runs_.insert(start.run).second) << "run ids are unique";
    for (const auto& [other_id, other] : jobs_) {
      ASSERT_FALSE(few_clients_ && other.place < job.place && other.state == KnownJob::kPrepared &&
                   other.flow() == job.flow() && job.faults == 0)
          << "started out of order";
    }
    ASSERT_TRUE(MayStart(job, start.device));
    job.state = KnownJob::kRunning;
    job.has_started = true;
    job.run = start.run;
    job.device = start.device;
    job.started = now_;
  }

  bool MayStart(const KnownJob& job, DeviceId id) {
    Device& device = devices_[id];
    int on_device = 0;
    int of_model = 0;
    bool alone = false;
    for (const auto& [other_id, other] : jobs_) {
      if (other.state == KnownJob::kRunning && other.device == id) {
        on_device++;
        of_model += other.info.model == job.info.model ? 1 : 0;
        alone = alone || other.faults > 0;
      }
    }
    const int slots = device.slots[job.info.model];
    return device.ready && device.suspect_until <= now_ && !alone && on_device < device.capacity() &&
           of_model < slots && (job.faults == 0 || on_device == 0);
  }

  /// Whether a job that runs alone keeps `device` from starting any other until it is empty.
  bool Reserved(DeviceId device) {
    return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
      return entry.second.state == KnownJob::kPrepared && entry.second.faults > 0 &&
             devices_[device].slots[entry.second.info.model] > 0;
    });
  }

  int Window(ModelGeneration model) {
    int slots = 1;
    for (auto& [id, device] : devices_) {
      slots = std::max(slots, device.slots[model]);
    }
    return slots + kMaxPreparing;
  }

  /// Whether a job that waits could be prepared now.
  void JudgeWaiting(std::size_t bytes, std::size_t granted_bytes) {
    const bool full = CountPreparing(/*beyond=*/false) == kMaxPreparing;
    const bool stalled = now_ - last_preparation_ >= SchedulerCore::kPreparationStall;
    if (full && (!stalled || CountPreparing(/*beyond=*/true) > 0)) {
      return;
    }
    bool some_waits = false;
    bool memory_is_short = false;
    for (const auto& [id, job] : jobs_) {
      if (job.state != KnownJob::kWaiting) {
        continue;
      }
      const auto ahead = std::count_if(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
        const KnownJob& other = entry.second;
        return other.window() == job.window() && !other.ended && !other.info.prepared && other.faults == 0 &&
               (other.state == KnownJob::kPreparing || other.state == KnownJob::kPrepared);
      });
      if (job.info.model != kNoModel && ahead >= Window(job.info.model)) {
        continue;
      }
      if (full && Occupies(job.info.client.group)) {
        continue;
      }
      ASSERT_FALSE(job.info.model == kNoModel && few_clients_) << "it could be decoded without memory for inputs";
      some_waits = true;
      // Its turn may be next, and nobody overtakes it.
      memory_is_short = memory_is_short || (bytes + job.info.input_bytes > kMaxBytes && granted_bytes > 0);
    }
    ASSERT_FALSE(some_waits && !memory_is_short && few_clients_) << "there is room to prepare";
  }

  void JudgeState(const Decisions& decisions) {
    std::size_t bytes = 0;
    std::size_t granted_bytes = 0;
    std::size_t given_bytes = 0;
    Time first_deadline = Time::max();
    for (const auto& [id, job] : jobs_) {
      if (job.state != KnownJob::kWaiting) {
        bytes += job.info.input_bytes;
        (job.info.prepared ? given_bytes : granted_bytes) += job.info.input_bytes;
      }
      if (job.state != KnownJob::kRunning && !job.ended) {
        ASSERT_GT(job.info.deadline, now_) << "a job outlived its deadline";
        first_deadline = std::min(first_deadline, job.info.deadline);
      }
      if (job.state == KnownJob::kPrepared) {
        for (const auto& [device_id, device] : devices_) {
          ASSERT_FALSE(MayStart(job, device_id) && (job.faults > 0 || !Reserved(device_id))) << "a device idles";
        }
      }
    }
    ASSERT_EQ(core_.job_count(), jobs_.size());
    ASSERT_LE(jobs_.size(), kMaxJobs);
    ASSERT_EQ(core_.prepared_bytes(), bytes);
    ASSERT_LE(given_bytes, kMaxBytes);
    ASSERT_LE(granted_bytes, kMaxBytes);
    JudgeWaiting(bytes, granted_bytes);
    for (const auto& [id, job] : jobs_) {
      if (job.state == KnownJob::kRunning) {
        first_deadline = std::min(first_deadline, job.started + kRunBound);
      }
    }
    const Time stall = last_preparation_ + SchedulerCore::kPreparationStall;
    if (stall > now_ && CountPreparing(false) == kMaxPreparing && CountPreparing(true) == 0 &&
        std::ranges::any_of(jobs_, [this](const auto& entry) {
          return entry.second.state == KnownJob::kWaiting && !Occupies(entry.second.info.client.group);
        })) {
      first_deadline = std::min(first_deadline, few_clients_ ? stall : Time::max());
    }
    if (first_deadline != Time::max()) {
      ASSERT_TRUE(decisions.next_wakeup) << "lost wake-up";
      ASSERT_LE(*decisions.next_wakeup, first_deadline);
    }
    ASSERT_TRUE(!decisions.next_wakeup || *decisions.next_wakeup > now_) << "would spin";
  }

  std::set<RunId> runs_;
  Time last_preparation_{};  // When one of the usual places was taken last.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_SCHEDULER_CORE_JUDGE_H_
