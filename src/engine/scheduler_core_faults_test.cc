// What the core does when a device hangs, is lost for long, or a model does not come back.

#include "engine/scheduler_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr DeviceId kDevice{0};
constexpr ModelGeneration kModel{1};
constexpr ModelGeneration kOtherModel{2};

class SchedulerCoreFaultsTest : public testing::Test {
 protected:
  SchedulerCoreFaultsTest() {
    core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
    core_.PlacementChanged(kDevice, kModel, 2, now_);
    core_.PlacementChanged(kDevice, kOtherModel, 2, now_);
  }

  Decisions Submit(ModelGeneration model = kModel) {
    JobInfo job{.id = static_cast<JobId>(++last_job_), .model = model, .client = {}};
    job.prepared = true;
    return core_.Submit(job, now_);
  }

  /// The run of a new job, which starts at once.
  RunId Start(ModelGeneration model = kModel) { return Submit(model).start.at(0).run; }

  /// Lets the model be measured.
  void Measure(Duration time) {
    for (int i = 0; i < 3; ++i) {
      core_.Finished(Start(), Outcome::kOk, time, now_);
    }
  }

  Decisions AdvanceBy(Duration step) {
    now_ += step;
    return core_.Advance(now_);
  }

  /// Brings the device back with the first model.
  Decisions Recover() {
    core_.PlacementChanged(kDevice, kModel, 0, now_);
    core_.PlacementChanged(kDevice, kOtherModel, 0, now_);
    core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
    return core_.PlacementChanged(kDevice, kModel, 2, now_);
  }

  SchedulerCore core_{{}};
  Time now_ = Time(seconds(1000));
  std::uint64_t last_job_ = 0;
};

TEST_F(SchedulerCoreFaultsTest, AnUnmeasuredModelHasTheUpperBound) {
  Start();
  EXPECT_THAT(AdvanceBy(seconds(30) - milliseconds(1)).hangs, IsEmpty());
  const Decisions decisions = AdvanceBy(milliseconds(1));
  ASSERT_EQ(decisions.hangs.size(), 1);
  EXPECT_EQ(decisions.hangs[0].device, kDevice);
  EXPECT_EQ(decisions.hangs[0].model, kModel);
  EXPECT_EQ(decisions.hangs[0].bound, seconds(30));
  EXPECT_THAT(AdvanceBy(seconds(60)).hangs, IsEmpty());
}

TEST_F(SchedulerCoreFaultsTest, TheBoundFollowsTheMedian) {
  Measure(milliseconds(500));
  EXPECT_EQ(Submit().next_wakeup, now_ + seconds(10));
}

TEST_F(SchedulerCoreFaultsTest, AFastModelHasTheLowerBound) {
  Measure(milliseconds(1));
  EXPECT_EQ(Submit().next_wakeup, now_ + seconds(2));
}

TEST_F(SchedulerCoreFaultsTest, EverythingThatRanBesideAHangRunsAgainAndAlone) {
  const RunId hung = Start();
  now_ += seconds(10);
  const RunId innocent = Start();
  EXPECT_EQ(AdvanceBy(seconds(20)).hangs.size(), 1);
  EXPECT_THAT(core_.Finished(hung, Outcome::kOk, seconds(1), now_).finished, std::nullopt);
  EXPECT_THAT(core_.Finished(innocent, Outcome::kOk, seconds(1), now_).finished, std::nullopt);
  EXPECT_THAT(Submit().start, IsEmpty()) << "the device is lost";
  const Decisions again = Recover();
  ASSERT_EQ(again.start.size(), 1);
  EXPECT_EQ(again.start[0].job, JobId{1});
}

TEST_F(SchedulerCoreFaultsTest, AModelWhoseJobHangsAgainAloneIsSuspect) {
  Start();
  EXPECT_THAT(AdvanceBy(seconds(30)).suspects, IsEmpty());
  ASSERT_EQ(Recover().start.size(), 1);
  const Decisions second = AdvanceBy(seconds(30));
  EXPECT_THAT(second.suspects, ElementsAre(kModel));
  ASSERT_EQ(second.refuse.size(), 1);
  EXPECT_TRUE(absl::IsUnavailable(second.refuse[0].status));
}

TEST_F(SchedulerCoreFaultsTest, AModelIsNotSuspectForALossThatIsNoCrash) {
  Start();
  core_.DeviceChanged(kDevice, DeviceState::kLost, now_, {.crash = true});
  ASSERT_EQ(Recover().start.size(), 1);
  const Decisions second = core_.DeviceChanged(kDevice, DeviceState::kLost, now_, {.crash = false});
  EXPECT_THAT(second.suspects, IsEmpty());
  EXPECT_EQ(second.refuse.size(), 1);
}

TEST_F(SchedulerCoreFaultsTest, AModelIsSuspectForACrashAlone) {
  const RunId first = Start();
  core_.Finished(first, Outcome::kDeviceCrash, {}, now_);
  core_.DeviceChanged(kDevice, DeviceState::kLost, now_, {.crash = true});
  const Decisions again = Recover();
  ASSERT_EQ(again.start.size(), 1);
  EXPECT_THAT(core_.Finished(again.start[0].run, Outcome::kDeviceCrash, {}, now_).suspects, ElementsAre(kModel));
  EXPECT_THAT(core_.DeviceChanged(kDevice, DeviceState::kLost, now_, {.crash = true}).suspects, IsEmpty());
}

TEST_F(SchedulerCoreFaultsTest, ABoundThatPassedWhileTheProcessWasStoppedIsJudgedASecondLater) {
  const RunId run = Start();
  const Decisions late = AdvanceBy(seconds(40));
  EXPECT_THAT(late.hangs, IsEmpty());
  EXPECT_EQ(late.next_wakeup, now_ + seconds(1));
  EXPECT_EQ(core_.Finished(run, Outcome::kOk, milliseconds(5), now_).finished, JobId{1});
  Start();
  AdvanceBy(seconds(40));
  EXPECT_EQ(AdvanceBy(seconds(1)).hangs.size(), 1);
}

TEST_F(SchedulerCoreFaultsTest, ALostDeviceIsWaitedForButNotForLong) {
  core_.DeviceChanged(kDevice, DeviceState::kLost, now_, {.crash = false, .retry_at = now_ + seconds(9)});
  AdvanceBy(seconds(5) - milliseconds(1));
  EXPECT_THAT(Submit().refuse, IsEmpty());
  AdvanceBy(milliseconds(1));
  const Decisions late = Submit();
  ASSERT_EQ(late.refuse.size(), 1);
  EXPECT_TRUE(absl::IsUnavailable(late.refuse[0].status));
  EXPECT_EQ(RetryAfter(late.refuse[0].status), seconds(4));
  EXPECT_EQ(core_.job_count(), 1) << "the earlier one waits on";
}

TEST_F(SchedulerCoreFaultsTest, AModelIsWaitedForWhileItsDeviceIsBackWithoutIt) {
  core_.PlacementChanged(kDevice, kModel, 0, now_);
  core_.PlacementChanged(kDevice, kOtherModel, 0, now_);
  core_.DeviceChanged(kDevice, DeviceState::kLost, now_);
  core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
  core_.PlacementChanged(kDevice, kOtherModel, 1, now_);
  AdvanceBy(seconds(6));
  EXPECT_EQ(Submit(kModel).refuse.size(), 1);
  EXPECT_THAT(Submit(kOtherModel).refuse, IsEmpty());
}

TEST_F(SchedulerCoreFaultsTest, AStuckDeviceAnswersAtOnce) {
  Start();
  core_.DeviceChanged(kDevice, DeviceState::kLost, now_);
  const Decisions stuck = core_.DeviceChanged(kDevice, DeviceState::kStuck, now_);
  ASSERT_EQ(stuck.refuse.size(), 1);
  EXPECT_THAT(std::string(Message(stuck.refuse[0].status)), HasSubstr("restart"));
  EXPECT_EQ(Submit().refuse.size(), 1);
  EXPECT_EQ(core_.job_count(), 0);
}

TEST_F(SchedulerCoreFaultsTest, NothingStartsOnAPausedDevice) {
  const RunId run = Start();
  core_.Pause(kDevice, true, now_);
  EXPECT_TRUE(core_.Busy(kDevice));
  EXPECT_THAT(Submit().start, IsEmpty());
  EXPECT_THAT(core_.Finished(run, Outcome::kOk, milliseconds(1), now_).start, IsEmpty());
  EXPECT_FALSE(core_.Busy(kDevice));
  EXPECT_EQ(core_.Pause(kDevice, false, now_).start.size(), 1);
}

TEST_F(SchedulerCoreFaultsTest, JobsOfAModelThatIsGoneAreRefused) {
  core_.DeviceChanged(kDevice, DeviceState::kLost, now_);
  Submit(kModel);
  Submit(kOtherModel);
  const Decisions gone = core_.ModelGone(kModel, absl::UnavailableError("broken"), now_);
  ASSERT_EQ(gone.refuse.size(), 1);
  EXPECT_EQ(gone.refuse[0].job, JobId{1});
  EXPECT_EQ(Message(gone.refuse[0].status), "broken");
  EXPECT_EQ(core_.job_count(), 1);
}

}  // namespace
}  // namespace accelerd
