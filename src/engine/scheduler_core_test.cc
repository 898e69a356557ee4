#include "engine/scheduler_core.h"

#include <algorithm>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr DeviceId kDevice{0};
constexpr DeviceId kOtherDevice{1};
constexpr ModelGeneration kModel{1};
constexpr ModelGeneration kOtherModel{2};

Time At(Duration since_start) {
  return Time(seconds(1000)) + since_start;
}

class SchedulerCoreTest : public testing::Test {
 protected:
  void Place(int slots, ModelGeneration model = kModel, DeviceId device = kDevice) {
    core_.DeviceChanged(device, DeviceState::kReady, now_);
    core_.PlacementChanged(device, model, slots, now_);
  }

  JobInfo NewJob(ModelGeneration model = kModel, std::size_t bytes = 10) {
    return {.id = static_cast<JobId>(++last_job_), .model = model, .client = {}, .input_bytes = bytes};
  }

  Decisions SubmitReady(ModelGeneration model = kModel, Time deadline = Time::max()) {
    JobInfo job = NewJob(model);
    job.prepared = true;
    job.deadline = deadline;
    return core_.Submit(job, now_);
  }

  Decisions Finish(RunId run, Outcome outcome = Outcome::kOk) {
    return core_.Finished(run, outcome, milliseconds(5), now_);
  }

  static std::vector<JobId> Started(const Decisions& decisions) {
    std::vector<JobId> jobs;
    for (const Decisions::Start& start : decisions.start) {
      jobs.push_back(start.job);
    }
    return jobs;
  }

  static std::vector<JobId> Granted(const Decisions& decisions) {
    std::vector<JobId> jobs;
    for (const Decisions::Preparation& preparation : decisions.prepare) {
      jobs.push_back(preparation.job);
    }
    return jobs;
  }

  SchedulerCore core_{{.max_jobs = 4, .max_prepared_bytes = 100}};
  Time now_ = At(Duration(0));
  std::uint64_t last_job_ = 0;
};

TEST_F(SchedulerCoreTest, RunsAJobThroughItsStates) {
  Place(1);
  EXPECT_THAT(Granted(core_.Submit(NewJob(), now_)), ElementsAre(JobId{1}));
  const Decisions prepared = core_.Prepared(JobId{1}, true, Duration(0), now_);
  ASSERT_THAT(Started(prepared), ElementsAre(JobId{1}));
  EXPECT_EQ(prepared.start[0].device, kDevice);
  EXPECT_EQ(core_.prepared_bytes(), 10);
  EXPECT_EQ(Finish(prepared.start[0].run).finished, JobId{1});
  EXPECT_EQ(core_.job_count(), 0);
  EXPECT_EQ(core_.prepared_bytes(), 0);
}

TEST_F(SchedulerCoreTest, StartsInOrderOfArrivalWithinTheSlots) {
  Place(2);
  const Decisions first = SubmitReady();
  EXPECT_THAT(Started(SubmitReady()), ElementsAre(JobId{2}));
  EXPECT_THAT(Started(SubmitReady()), IsEmpty());
  EXPECT_THAT(Started(SubmitReady()), IsEmpty());
  EXPECT_THAT(Started(Finish(first.start[0].run)), ElementsAre(JobId{3}));
}

TEST_F(SchedulerCoreTest, StartsALaterJobWhileTheEarlierIsPreparing) {
  Place(1);
  core_.Submit(NewJob(), now_);
  const Decisions second = SubmitReady();
  ASSERT_THAT(Started(second), ElementsAre(JobId{2}));
  EXPECT_THAT(Started(core_.Prepared(JobId{1}, true, Duration(0), now_)), IsEmpty());
  EXPECT_THAT(Started(Finish(second.start[0].run)), ElementsAre(JobId{1}));
}

TEST_F(SchedulerCoreTest, ADeviceRunsAsManyJobsAsItsLargestModelHasSlots) {
  Place(2, kModel);
  Place(1, kOtherModel);
  SubmitReady(kModel);
  EXPECT_THAT(Started(SubmitReady(kOtherModel)), ElementsAre(JobId{2}));
  EXPECT_THAT(Started(SubmitReady(kModel)), IsEmpty());
}

TEST_F(SchedulerCoreTest, AModelWithoutFreeSlotsLetsOthersPass) {
  Place(2, kModel);
  Place(1, kOtherModel);
  SubmitReady(kOtherModel);
  EXPECT_THAT(Started(SubmitReady(kOtherModel)), IsEmpty());
  EXPECT_THAT(Started(SubmitReady(kModel)), ElementsAre(JobId{3}));
}

TEST_F(SchedulerCoreTest, UsesTheLessBusyOfTwoDevices) {
  Place(2, kModel, kDevice);
  Place(2, kModel, kOtherDevice);
  EXPECT_EQ(SubmitReady().start[0].device, kDevice);
  EXPECT_EQ(SubmitReady().start[0].device, kOtherDevice);
}

TEST_F(SchedulerCoreTest, JobsWaitForAPlacement) {
  core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
  EXPECT_THAT(Started(SubmitReady()), IsEmpty());
  EXPECT_THAT(Started(core_.PlacementChanged(kDevice, kModel, 1, now_)), ElementsAre(JobId{1}));
}

TEST_F(SchedulerCoreTest, NothingStartsAfterThePlacementIsGone) {
  Place(1);
  core_.PlacementChanged(kDevice, kModel, 0, now_);
  EXPECT_THAT(Started(SubmitReady()), IsEmpty());
}

TEST_F(SchedulerCoreTest, RefusesMoreJobsThanTheQueueHolds) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(SubmitReady().refuse, IsEmpty());
  }
  const Decisions fifth = SubmitReady();
  ASSERT_EQ(fifth.refuse.size(), 1);
  EXPECT_EQ(fifth.refuse[0].job, JobId{5});
  EXPECT_EQ(fifth.refuse[0].status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(Message(fifth.refuse[0].status)), HasSubstr("the queue is full (4 jobs)"));
  EXPECT_EQ(RetryAfter(fifth.refuse[0].status), seconds(1));
}

TEST_F(SchedulerCoreTest, RetryAfterGrowsWithTheQueueAndTheMeanTime) {
  Place(2);
  const RunId run = SubmitReady().start[0].run;
  now_ += seconds(3);
  core_.Finished(run, Outcome::kOk, seconds(3), now_);
  for (int i = 0; i < 4; ++i) {
    SubmitReady();
  }
  EXPECT_EQ(RetryAfter(SubmitReady().refuse.at(0).status), seconds(6));
}

TEST_F(SchedulerCoreTest, GrantsPreparationAsFarAsTheBytesAllow) {
  Place(1);
  EXPECT_THAT(Granted(core_.Submit(NewJob(kModel, 60), now_)), ElementsAre(JobId{1}));
  EXPECT_THAT(Granted(core_.Submit(NewJob(kModel, 60), now_)), IsEmpty());
  // In order: a small job does not overtake the one that waits for room.
  EXPECT_THAT(Granted(core_.Submit(NewJob(kModel, 10), now_)), IsEmpty());
  const RunId run = core_.Prepared(JobId{1}, true, Duration(0), now_).start.at(0).run;
  EXPECT_THAT(Granted(Finish(run)), ElementsAre(JobId{2}, JobId{3}));
}

TEST_F(SchedulerCoreTest, RefusesInputsThatNeverFit) {
  const Decisions decisions = core_.Submit(NewJob(kModel, 101), now_);
  ASSERT_EQ(decisions.refuse.size(), 1);
  EXPECT_EQ(decisions.refuse[0].status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryAfter(decisions.refuse[0].status), std::nullopt);
}

TEST_F(SchedulerCoreTest, GivenInputsCountButDoNotStarvePreparations) {
  JobInfo given = NewJob(kModel, 95);
  given.prepared = true;
  EXPECT_THAT(core_.Submit(given, now_).refuse, IsEmpty());
  EXPECT_THAT(Granted(core_.Submit(NewJob(), now_)), ElementsAre(JobId{2}));
  EXPECT_THAT(Granted(core_.Submit(NewJob(), now_)), IsEmpty());
  const Decisions more = SubmitReady();
  ASSERT_EQ(more.refuse.size(), 1);
  EXPECT_EQ(more.refuse[0].status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(RetryAfter(more.refuse[0].status), std::nullopt);
}

TEST_F(SchedulerCoreTest, AFailedPreparationEndsTheJob) {
  Place(1);
  core_.Submit(NewJob(), now_);
  EXPECT_THAT(Started(core_.Prepared(JobId{1}, false, Duration(0), now_)), IsEmpty());
  EXPECT_EQ(core_.job_count(), 0);
  EXPECT_EQ(core_.prepared_bytes(), 0);
}

TEST_F(SchedulerCoreTest, RefusesWhatWaitsPastItsDeadline) {
  EXPECT_EQ(SubmitReady(kModel, At(seconds(2))).next_wakeup, At(seconds(2)));
  EXPECT_EQ(SubmitReady(kModel, At(seconds(1))).next_wakeup, At(seconds(1)));
  EXPECT_THAT(core_.Advance(At(milliseconds(999))).refuse, IsEmpty());
  const Decisions decisions = core_.Advance(At(seconds(1)));
  ASSERT_EQ(decisions.refuse.size(), 1);
  EXPECT_EQ(decisions.refuse[0].job, JobId{2});
  EXPECT_EQ(decisions.refuse[0].status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_NE(RetryAfter(decisions.refuse[0].status), std::nullopt);
  EXPECT_EQ(decisions.next_wakeup, At(seconds(2)));
}

TEST_F(SchedulerCoreTest, RefusesADeadlineThatIsOver) {
  EXPECT_EQ(SubmitReady(kModel, now_).refuse.at(0).status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(core_.job_count(), 0);
}

TEST_F(SchedulerCoreTest, ARunningJobIsNotBoundByItsDeadline) {
  Place(1);
  const Decisions started = SubmitReady(kModel, At(seconds(1)));
  EXPECT_EQ(started.next_wakeup, now_ + SchedulerLimits().most_run_bound);
  EXPECT_THAT(core_.Advance(At(seconds(5))).refuse, IsEmpty());
  EXPECT_EQ(core_.Finished(started.start[0].run, Outcome::kOk, seconds(5), At(seconds(5))).finished, JobId{1});
}

TEST_F(SchedulerCoreTest, AJobThatExpiresWhilePreparingKeepsItsBytesUntilItIsPrepared) {
  Place(1);
  JobInfo job = NewJob();
  job.deadline = At(seconds(1));
  core_.Submit(job, now_);
  EXPECT_EQ(core_.Advance(At(seconds(1))).refuse.size(), 1);
  EXPECT_EQ(core_.prepared_bytes(), 10);
  const Decisions prepared = core_.Prepared(job.id, true, Duration(0), At(seconds(2)));
  EXPECT_THAT(Started(prepared), IsEmpty());
  EXPECT_THAT(prepared.refuse, IsEmpty());
  EXPECT_EQ(core_.prepared_bytes(), 0);
  EXPECT_EQ(core_.job_count(), 0);
}

TEST_F(SchedulerCoreTest, ACancelledRunKeepsItsSlotUntilItEnds) {
  Place(1);
  const RunId run = SubmitReady().start.at(0).run;
  EXPECT_THAT(core_.Cancel(JobId{1}, now_).refuse, IsEmpty());
  EXPECT_THAT(Started(SubmitReady()), IsEmpty());
  const Decisions finished = Finish(run);
  EXPECT_EQ(finished.finished, std::nullopt);
  EXPECT_THAT(Started(finished), ElementsAre(JobId{2}));
}

TEST_F(SchedulerCoreTest, ACancelledJobDoesNotRun) {
  SubmitReady();
  SubmitReady();
  core_.Cancel(JobId{1}, now_);
  core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
  EXPECT_THAT(Started(core_.PlacementChanged(kDevice, kModel, 1, now_)), ElementsAre(JobId{2}));
}

TEST_F(SchedulerCoreTest, ADeviceFaultPutsTheJobBackToRunAlone) {
  Place(2);
  const RunId first = SubmitReady().start.at(0).run;
  const RunId second = SubmitReady().start.at(0).run;
  SubmitReady();
  EXPECT_THAT(Started(Finish(first, Outcome::kDeviceFault)), IsEmpty());
  EXPECT_THAT(Started(core_.DeviceChanged(kDevice, DeviceState::kReady, now_)), IsEmpty()) << "the device is not empty";
  const Decisions emptied = Finish(second);
  ASSERT_THAT(Started(emptied), ElementsAre(JobId{1})) << "in its old place, and nothing beside it";
  EXPECT_NE(emptied.start[0].run, first);
  const Decisions finished = Finish(emptied.start[0].run);
  EXPECT_EQ(finished.finished, JobId{1});
  EXPECT_THAT(Started(finished), ElementsAre(JobId{3}));
}

TEST_F(SchedulerCoreTest, ASecondDeviceFaultRefusesTheJob) {
  Place(1);
  Finish(SubmitReady().start.at(0).run, Outcome::kDeviceFault);
  const RunId second = core_.DeviceChanged(kDevice, DeviceState::kReady, now_).start.at(0).run;
  const Decisions decisions = Finish(second, Outcome::kDeviceFault);
  EXPECT_EQ(decisions.finished, std::nullopt);
  ASSERT_EQ(decisions.refuse.size(), 1);
  EXPECT_EQ(decisions.refuse[0].status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(core_.job_count(), 0);
}

TEST_F(SchedulerCoreTest, AFaultyDeviceThatSaysNothingIsTriedAgainAfterAWhile) {
  Place(1);
  const Decisions fault = Finish(SubmitReady().start.at(0).run, Outcome::kDeviceFault);
  EXPECT_EQ(fault.next_wakeup, now_ + SchedulerCore::kFaultGrace);
  EXPECT_THAT(Started(core_.Advance(now_ + SchedulerCore::kFaultGrace)), ElementsAre(JobId{1}));
}

TEST_F(SchedulerCoreTest, ARequestErrorEndsTheJob) {
  Place(1);
  EXPECT_EQ(Finish(SubmitReady().start.at(0).run, Outcome::kRequestError).finished, JobId{1});
}

TEST_F(SchedulerCoreTest, AJobThatFailedPastItsDeadlineDoesNotRunAgain) {
  Place(1);
  const RunId run = SubmitReady(kModel, At(seconds(1))).start.at(0).run;
  now_ = At(seconds(2));
  EXPECT_EQ(Finish(run, Outcome::kDeviceFault).refuse.at(0).status.code(), absl::StatusCode::kDeadlineExceeded);
}

class DecodeOnlyTest : public testing::Test {
 protected:
  static JobInfo Decode(int id) { return {.id = static_cast<JobId>(id), .model = kNoModel, .client = {.group = "a"}}; }

  SchedulerCore core_{{.max_prepared_bytes = 100, .max_preparing = 2}};
  Time now_ = At(Duration(0));
};

TEST_F(DecodeOnlyTest, NeedsNoDeviceAndEndsWhenItIsPrepared) {
  core_.DeviceChanged(kDevice, DeviceState::kStuck, now_);
  EXPECT_THAT(core_.Submit(Decode(1), now_).prepare, SizeIs(1));
  EXPECT_THAT(core_.DeviceChanged(kDevice, DeviceState::kStuck, now_).refuse, IsEmpty());
  now_ += milliseconds(5);
  const Decisions decisions = core_.Prepared(JobId{1}, true, milliseconds(5), now_);
  EXPECT_EQ(decisions.finished, JobId{1});
  EXPECT_THAT(decisions.start, IsEmpty());
  EXPECT_EQ(core_.job_count(), 0);
  const SchedulerCore::Report report = core_.MakeReport(now_);
  EXPECT_EQ(report.total.decoded, 1);
  EXPECT_EQ(report.total.processor_time, milliseconds(5));
  EXPECT_THAT(report.models, IsEmpty());
}

TEST_F(DecodeOnlyTest, AFailureAndACancellationEndItToo) {
  core_.Submit(Decode(1), now_);
  core_.Submit(Decode(2), now_);
  EXPECT_FALSE(core_.Prepared(JobId{1}, false, milliseconds(1), now_).finished);
  core_.Cancel(JobId{2}, now_);
  EXPECT_EQ(core_.job_count(), 1) << "its thread is occupied still";
  EXPECT_FALSE(core_.Prepared(JobId{2}, true, milliseconds(1), now_).finished);
  EXPECT_EQ(core_.job_count(), 0);
  EXPECT_EQ(core_.total().failed, 1);
  EXPECT_EQ(core_.total().cancelled, 1);
  EXPECT_EQ(core_.total().processor_time, milliseconds(2)) << "who left pays for what it had";
}

TEST_F(DecodeOnlyTest, DoesNotWaitForTheMemoryOfInputs) {
  core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
  const auto job = [](int id) {
    return JobInfo{.id = static_cast<JobId>(id), .model = kModel, .client = {.group = "b"}, .input_bytes = 80};
  };
  EXPECT_THAT(core_.Submit(job(1), now_).prepare, SizeIs(1));
  EXPECT_THAT(core_.Submit(job(2), now_).prepare, IsEmpty());
  EXPECT_THAT(core_.Submit(Decode(3), now_).prepare, SizeIs(1));
}

// Every order in which the ends of two runs, the loss and the return of their device, and a cancellation can arrive.
TEST(SchedulerCoreOrderTest, EachJobEndsOnceInAnyOrderOfRunEndsAndDeviceLoss) {
  enum Event { kEndFirst, kEndSecond, kLoss, kCancelSecond, kReturn };
  for (const Outcome outcome : {Outcome::kOk, Outcome::kDeviceFault}) {
    std::vector<int> order = {kEndFirst, kEndSecond, kLoss, kCancelSecond, kReturn};
    do {
      // What one device reports keeps its order.
      if (std::find(order.begin(), order.end(), kReturn) < std::find(order.begin(), order.end(), kLoss)) {
        continue;
      }
      SCOPED_TRACE(testing::PrintToString(order));
      const Time now = At(Duration(0));
      SchedulerCore core({});
      core.DeviceChanged(kDevice, DeviceState::kReady, now);
      core.PlacementChanged(kDevice, kModel, 2, now);
      std::vector<RunId> runs;
      std::vector<RunId> later;
      for (std::uint64_t job = 1; job <= 3; ++job) {
        const Decisions decisions =
            core.Submit({.id = static_cast<JobId>(job), .model = kModel, .client = {}, .prepared = true}, now);
        if (!decisions.start.empty()) {
          runs.push_back(decisions.start[0].run);
        }
      }
      ASSERT_EQ(runs.size(), 2);

      std::multiset<JobId> ended;
      bool lost = false;
      const auto judge = [&](const Decisions& decisions) {
        EXPECT_THAT(decisions.refuse, IsEmpty());
        if (decisions.finished) {
          ended.insert(*decisions.finished);
        }
        EXPECT_TRUE(!lost || decisions.start.empty());
        for (const Decisions::Start& start : decisions.start) {
          later.push_back(start.run);
        }
      };
      for (const int event : order) {
        if (event == kEndFirst || event == kEndSecond) {
          judge(core.Finished(runs.at(static_cast<std::size_t>(event)), outcome, milliseconds(1), now));
        } else if (event == kCancelSecond) {
          if (!ended.contains(JobId{2})) {
            ended.insert(JobId{2});
          }
          judge(core.Cancel(JobId{2}, now));
        } else {
          lost = event == kLoss;
          judge(core.DeviceChanged(kDevice, lost ? DeviceState::kLost : DeviceState::kReady, now));
        }
      }
      lost = false;
      judge(core.DeviceChanged(kDevice, DeviceState::kReady, now));
      for (std::size_t next = 0; next < later.size(); ++next) {
        judge(core.Finished(later[next], Outcome::kOk, milliseconds(1), now));
      }
      EXPECT_THAT(ended, ElementsAre(JobId{1}, JobId{2}, JobId{3}));
      EXPECT_EQ(core.job_count(), 0);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

}  // namespace
}  // namespace accelerd
