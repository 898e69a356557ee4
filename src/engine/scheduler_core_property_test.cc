// Random events against SchedulerCore, judged after each by a checker that keeps its own books.

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/scheduler_core.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;

constexpr int kDevices = 2;
constexpr int kModels = 3;
constexpr std::size_t kMaxJobs = 40;
constexpr std::size_t kMaxBytes = 1000;
constexpr std::size_t kClients = 8;
constexpr int kMaxPreparing = 3;
constexpr milliseconds kRunBound{60};  // Short enough that some runs take longer.

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

  auto flow() const { return std::tie(info.client.group, info.client.member, info.priority, info.model); }
  auto window() const { return std::tie(info.client.group, info.priority, info.model); }
  bool is_frame_of(const KnownJob& other) const {
    return !info.stream.empty() && info.stream == other.info.stream && info.model == other.info.model &&
           info.client.group == other.info.client.group && info.client.member == other.info.client.member;
  }
};

class Simulation {
 public:
  /// Every other seed has more clients than are told apart.
  explicit Simulation(unsigned seed)
      : few_clients_(seed % 2 == 0),
        random_(seed),
        core_({.max_jobs = kMaxJobs,
               .max_prepared_bytes = kMaxBytes,
               .max_clients = seed % 2 == 0 ? kClients : kClients / 2,
               .max_preparing = kMaxPreparing,
               .device_wait = std::chrono::hours(1'000'000),
               .least_run_bound = kRunBound,
               .most_run_bound = kRunBound}) {}

  void Run(int events) {
    for (int i = 0; i < events && !testing::Test::HasFailure(); ++i) {
      Step();
    }
    WindDown();
  }

 private:
  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

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

  void Step() {
    frame_.reset();
    now_ += milliseconds(Pick(3));
    const bool pressure = ++steps_ / 500 % 2 == 1;  // The queue fills and empties by turns.
    switch (Pick(pressure ? 16 : 12)) {
      case 12:
      case 13:
      case 14:
      case 15:
      case 0:
      case 1:
      case 2:
        return Submit();
      case 3:
      case 4:
      case 5:
        return EndPreparation();
      case 6:
      case 7:
      case 8:
        return EndRun();
      case 9:
        return Pick(3) == 0 ? Cancel() : Wake();
      case 10:
        return Pick(4) == 0 ? ChangeDevice() : EndStaleRun();
      default:
        return Pick(4) == 0 ? ChangePlacement() : Wake();
    }
  }

  void Submit() {
    KnownJob job;
    job.info.id = static_cast<JobId>(++last_job_);
    job.info.model = static_cast<ModelGeneration>(Pick(kModels));
    job.info.input_bytes = static_cast<std::size_t>(Pick(250));
    job.info.prepared = Pick(3) == 0;
    job.info.deadline = Pick(2) == 0 ? Time::max() : now_ + milliseconds(Pick(200));
    const int group = Pick(4);
    job.info.client = {.group = std::string(1, static_cast<char>('a' + group)),
                       .member = std::string(static_cast<std::size_t>(Pick(2)), 'm'),
                       .weight = 1.0 + group};
    job.info.priority = static_cast<PriorityClass>(Pick(3));
    job.info.stream = std::string(static_cast<std::size_t>(Pick(3)), 's');
    job.state = job.info.prepared ? KnownJob::kPrepared : KnownJob::kWaiting;
    job.place = last_job_;
    jobs_[job.info.id] = job;
    frame_ = job.info.id;
    Judge(core_.Submit(job.info, now_));
  }

  void EndPreparation() {
    const auto preparing = JobsWhere([](const KnownJob& job) { return job.state == KnownJob::kPreparing; });
    if (preparing.empty()) {
      return;
    }
    const JobId id = preparing[static_cast<std::size_t>(Pick(static_cast<int>(preparing.size())))];
    const bool ok = Pick(8) != 0;
    if (!ok || jobs_[id].ended) {
      jobs_.erase(id);
    } else {
      jobs_[id].state = KnownJob::kPrepared;
      frame_ = id;
    }
    Judge(core_.Prepared(id, ok, now_));
  }

  void EndRun() {
    const auto running = JobsWhere([](const KnownJob& job) { return job.state == KnownJob::kRunning; });
    if (running.empty()) {
      return;
    }
    const JobId id = running[static_cast<std::size_t>(Pick(static_cast<int>(running.size())))];
    const RunId run = jobs_[id].run;
    const bool answered = jobs_[id].ended;
    const int kind = Pick(8);
    const Outcome outcome = kind == 0 ? Outcome::kDeviceFault : kind == 1 ? Outcome::kRequestError : Outcome::kOk;
    stale_runs_.push_back(run);
    if (outcome == Outcome::kDeviceFault) {
      devices_[jobs_[id].device].suspect_until = now_ + SchedulerCore::kFaultGrace;
      Fault(id);
    }
    const Decisions decisions = core_.Finished(run, outcome, milliseconds(5), now_);
    if (outcome == Outcome::kDeviceFault) {
      EXPECT_FALSE(decisions.finished);
    } else {
      EXPECT_EQ(decisions.finished.has_value(), !answered);
      EXPECT_EQ(decisions.finished.value_or(id), id);
      jobs_.erase(id);
    }
    Judge(decisions);
  }

  void EndStaleRun() {
    if (stale_runs_.empty()) {
      return;
    }
    const RunId run = stale_runs_[static_cast<std::size_t>(Pick(static_cast<int>(stale_runs_.size())))];
    const Decisions decisions =
        core_.Finished(run, Pick(2) == 0 ? Outcome::kOk : Outcome::kDeviceFault, milliseconds(5), now_);
    EXPECT_FALSE(decisions.finished);
    Judge(decisions);
  }

  void Cancel() {
    const auto known = JobsWhere([](const KnownJob&) { return true; });
    if (known.empty()) {
      return;
    }
    const JobId id = known[static_cast<std::size_t>(Pick(static_cast<int>(known.size())))];
    EndForCaller(id);
    Judge(core_.Cancel(id, now_));
  }

  void ChangeDevice() {
    const auto id = static_cast<DeviceId>(Pick(kDevices));
    const bool ready = Pick(3) != 0;
    Device& device = devices_[id];
    device.ready = ready;
    device.suspect_until = Time::min();
    if (!ready) {
      for (const JobId job :
           JobsWhere([&](const KnownJob& known) { return known.state == KnownJob::kRunning && known.device == id; })) {
        stale_runs_.push_back(jobs_[job].run);
        Fault(job);
      }
    }
    Judge(core_.DeviceChanged(id, ready ? DeviceState::kReady : DeviceState::kLost, now_));
  }

  void ChangePlacement() {
    const auto device = static_cast<DeviceId>(Pick(kDevices));
    const auto model = static_cast<ModelGeneration>(Pick(kModels));
    const int slots = Pick(4);
    devices_[device].slots[model] = slots;
    Judge(core_.PlacementChanged(device, model, slots, now_));
  }

  void Wake() { Judge(core_.Advance(now_)); }

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

  void Judge(const Decisions& decisions) {
    JudgeHangs(decisions);
    for (const Decisions::Refusal& refusal : decisions.refuse) {
      ASSERT_TRUE(jobs_.contains(refusal.job)) << "refused after its end";
      KnownJob& job = jobs_[refusal.job];
      ASSERT_FALSE(job.ended) << "ended twice";
      ASSERT_NE(job.state, KnownJob::kRunning);
      ASSERT_FALSE(refusal.status.ok());
      if (absl::IsAborted(refusal.status)) {
        JudgeSuperseded(job);
      }
      EndForCaller(refusal.job);
    }
    for (const Decisions::Start& start : decisions.start) {
      JudgeStart(start);
    }
    for (const Decisions::Preparation& preparation : decisions.prepare) {
      JudgePreparation(preparation.job);
    }
    JudgeState(decisions);
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
    job.state = KnownJob::kPreparing;
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
    const auto preparing = JobsWhere([](const KnownJob& job) { return job.state == KnownJob::kPreparing; });
    ASSERT_LE(preparing.size(), static_cast<std::size_t>(kMaxPreparing));
    if (preparing.size() == static_cast<std::size_t>(kMaxPreparing)) {
      return;
    }
    bool some_waits = false;
    for (const auto& [id, job] : jobs_) {
      if (job.state != KnownJob::kWaiting) {
        continue;
      }
      const auto ahead = std::count_if(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
        const KnownJob& other = entry.second;
        return other.window() == job.window() && !other.ended && !other.info.prepared && other.faults == 0 &&
               (other.state == KnownJob::kPreparing || other.state == KnownJob::kPrepared);
      });
      if (ahead >= Window(job.info.model)) {
        continue;
      }
      some_waits = true;
      if (bytes + job.info.input_bytes > kMaxBytes && granted_bytes > 0) {
        return;  // Its turn may be next, and nobody overtakes it.
      }
    }
    ASSERT_FALSE(some_waits && few_clients_) << "there is room to prepare";
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
    if (first_deadline != Time::max()) {
      ASSERT_TRUE(decisions.next_wakeup) << "lost wake-up";
      ASSERT_LE(*decisions.next_wakeup, first_deadline);
    }
    ASSERT_TRUE(!decisions.next_wakeup || *decisions.next_wakeup > now_) << "would spin";
  }

  /// All goes well from now on: everything ends, and the books are empty.
  void WindDown() {
    for (int device = 0; device < kDevices; ++device) {
      for (int model = 0; model < kModels; ++model) {
        devices_[static_cast<DeviceId>(device)].slots[static_cast<ModelGeneration>(model)] = 1;
        Judge(core_.PlacementChanged(static_cast<DeviceId>(device), static_cast<ModelGeneration>(model), 1, now_));
      }
      devices_[static_cast<DeviceId>(device)].ready = true;
      devices_[static_cast<DeviceId>(device)].suspect_until = Time::min();
      Judge(core_.DeviceChanged(static_cast<DeviceId>(device), DeviceState::kReady, now_));
    }
    for (int i = 0; i < 10'000 && !jobs_.empty() && !testing::Test::HasFailure(); ++i) {
      now_ += SchedulerCore::kFaultGrace;
      Wake();
      for (auto& [id, device] : devices_) {
        device.ready = true;
        Judge(core_.DeviceChanged(id, DeviceState::kReady, now_));
      }
      EndPreparation();
      EndRun();
    }
    EXPECT_EQ(core_.job_count(), 0);
    EXPECT_EQ(core_.prepared_bytes(), 0);
    EXPECT_EQ(core_.total().waiting, 0);
    EXPECT_EQ(core_.total().running, 0);
    EXPECT_GT(superseded_, 0) << "the events are not random enough";
    EXPECT_LE(core_.clients().size(), kClients + 1);
  }

  const bool few_clients_;  // All are told apart all the time: each has one order.
  std::mt19937 random_;
  SchedulerCore core_;
  Time now_ = Time(std::chrono::hours(1));
  std::uint64_t last_job_ = 0;
  int steps_ = 0;
  std::map<JobId, KnownJob> jobs_;
  std::map<DeviceId, Device> devices_;
  std::set<RunId> runs_;
  std::optional<JobId> frame_;  // Came, or was prepared, in this event.
  int superseded_ = 0;
  std::vector<RunId> stale_runs_;
};

class SchedulerCorePropertyTest : public testing::TestWithParam<unsigned> {};

TEST_P(SchedulerCorePropertyTest, HoldsUnderRandomEvents) {
  Simulation(GetParam()).Run(20'000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerCorePropertyTest,
                         testing::Values(1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987));

}  // namespace
}  // namespace accelerd
