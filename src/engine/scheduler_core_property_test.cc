// Random events against SchedulerCore, judged after each by a checker that keeps its own books.

#include <random>
#include <string>
#include <vector>

#include "engine/scheduler_core_judge.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;

class Simulation : private SchedulerCoreJudge {
 public:
  /// Every other seed has more clients than are told apart.
  explicit Simulation(unsigned seed) : SchedulerCoreJudge(/*few_clients=*/seed % 2 == 0), random_(seed) {}

  void Run(int events) {
    for (int i = 0; i < events && !testing::Test::HasFailure(); ++i) {
      Step();
    }
    WindDown();
  }

 private:
  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

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
    const int model = Pick(kModels + 1);
    job.info.model = model == kModels ? kNoModel : static_cast<ModelGeneration>(model);
    job.info.input_bytes = model == kModels ? 0 : static_cast<std::size_t>(Pick(250));
    job.info.prepared = model != kModels && Pick(3) == 0;
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
    const bool answered = jobs_[id].ended;
    const bool over = ok && !answered && jobs_[id].info.model == kNoModel;
    if (ok && !answered) {
      jobs_[id].state = KnownJob::kPrepared;
      frame_ = id;
    }
    const Decisions decisions = core_.Prepared(id, ok, milliseconds(Pick(20)), now_);
    EXPECT_EQ(decisions.finished, over ? std::optional(id) : std::nullopt);
    if (!ok || answered) {
      jobs_.erase(id);
    }
    Judge(decisions);
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
    EXPECT_LE(core_.MakeReport(now_).clients.size(), kClients + 1);
  }

  std::mt19937 random_;
  std::uint64_t last_job_ = 0;
  int steps_ = 0;
};

class SchedulerCorePropertyTest : public testing::TestWithParam<unsigned> {};

TEST_P(SchedulerCorePropertyTest, HoldsUnderRandomEvents) {
  Simulation(GetParam()).Run(20'000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerCorePropertyTest,
                         testing::Values(1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987));

}  // namespace
}  // namespace accelerd
