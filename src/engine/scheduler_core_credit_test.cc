// What a client is owed, or owes, after it was idle, could not run, or left.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/scheduler_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr DeviceId kDevice{0};
constexpr ModelGeneration kModel{1};
constexpr ModelGeneration kOtherModel{2};
constexpr milliseconds kRunTime{10};

/// Who asks, and for what.
struct Asker {
  Client client;
  ModelGeneration model = kModel;
};

/// One slot. Of equal tags goes first who was known first.
class SchedulerCreditTest : public testing::Test {
 protected:
  void Make(const SchedulerLimits& limits = {}) {
    core_.emplace(limits);
    core_->DeviceChanged(kDevice, DeviceState::kReady, now_);
    core_->PlacementChanged(kDevice, kModel, 1, now_);
    core_->PlacementChanged(kDevice, kOtherModel, 1, now_);
  }

  JobInfo NewJob(char name, const Asker& asker) {
    JobInfo job{.id = static_cast<JobId>(++last_job_), .model = asker.model, .client = asker.client};
    job.input_bytes = 1;
    names_[job.id] = name;
    return job;
  }

  Decisions Submit(char name, const Asker& asker, int jobs = 1) {
    Decisions last;
    for (int i = 0; i < jobs; ++i) {
      JobInfo job = NewJob(name, asker);
      job.prepared = true;
      last = Take(core_->Submit(job, now_));
    }
    return last;
  }
  Decisions SubmitImage(const Asker& asker) { return Take(core_->Submit(NewJob('i', asker), now_)); }

  /// The names of the jobs that start while `runs` end.
  std::string Run(int runs) {
    std::string order;
    for (int i = 0; i < runs; ++i) {
      now_ += kRunTime;
      const RunId run = running_.begin()->first;
      running_.erase(run);
      const Decisions decisions = Take(core_->Finished(run, Outcome::kOk, kRunTime, now_));
      for (const Decisions::Start& start : decisions.start) {
        order += names_[start.job];
      }
    }
    return order;
  }

  Decisions Take(const Decisions& decisions) {
    for (const Decisions::Start& start : decisions.start) {
      running_[start.run] = start.job;
    }
    return decisions;
  }

  Time now_ = Time(std::chrono::hours(1));
  std::optional<SchedulerCore> core_;
  std::map<JobId, char> names_;
  std::map<RunId, JobId> running_;
  std::uint64_t last_job_ = 0;
};

struct Pair {
  const char* name;
  Asker busy;
  Asker idle;
};

class SchedulerIdleTest : public SchedulerCreditTest, public testing::WithParamInterface<Pair> {};

TEST_P(SchedulerIdleTest, SavesNothingWhileItIsIdle) {
  Make();
  Submit('b', GetParam().busy);
  Submit('i', GetParam().idle);
  Run(2);
  Submit('b', GetParam().busy, 20);
  Run(10);
  Submit('i', GetParam().idle, 10);
  EXPECT_EQ(Run(4), "ibib");
}

INSTANTIATE_TEST_SUITE_P(
    Levels, SchedulerIdleTest,
    testing::Values(Pair{"Client", {.client = {.group = "b"}}, {.client = {.group = "i"}}},
                    Pair{"Id", {.client = {.group = "g", .member = "b"}}, {.client = {.group = "g", .member = "i"}}},
                    Pair{"Model", {.client = {.group = "g"}}, {.client = {.group = "g"}, .model = kOtherModel}}),
    [](const testing::TestParamInfo<Pair>& pair) { return pair.param.name; });

TEST_F(SchedulerCreditTest, WhoseModelCouldNotRunClaimsTwoRunsAtMost) {
  Make();
  core_->PlacementChanged(kDevice, kOtherModel, 0, now_);
  Submit('b', {.client = {.group = "b"}}, 40);
  Submit('w', {.client = {.group = "w"}, .model = kOtherModel}, 20);
  Run(20);
  core_->PlacementChanged(kDevice, kOtherModel, 1, now_);
  EXPECT_THAT(Run(8), StartsWith("wwwbwbw"));
}

TEST_F(SchedulerCreditTest, ACancelledRunIsPaidFor) {
  Make();
  Submit('b', {.client = {.group = "b"}}, 5);
  Submit('c', {.client = {.group = "c"}}, 5);
  EXPECT_EQ(Run(1), "c");
  core_->Cancel(running_.begin()->second, now_);
  EXPECT_EQ(Run(3), "bcb");
}

TEST_F(SchedulerCreditTest, ImagesThatLeaveTakeNoTimeOfTheDevice) {
  Make();
  const Asker asker = {.client = {.group = "a"}};
  Submit('a', asker);
  Run(1);
  for (int i = 0; i < 20; ++i) {
    SubmitImage(asker);
  }
  const std::uint64_t images = last_job_;
  for (std::uint64_t image = 2; image <= images; ++image) {
    core_->Cancel(static_cast<JobId>(image), now_);
  }
  JobInfo job = NewJob('a', asker);
  job.prepared = true;
  job.deadline = now_ + kRunTime / 2;
  EXPECT_THAT(core_->Submit(job, now_).refuse, IsEmpty());
}

TEST_F(SchedulerCreditTest, AnImageWhoseCallerLeftIsNotAheadAnyMore) {
  Make({.max_preparing = 2});
  Submit('b', {.client = {.group = "b"}});
  const Asker asker = {.client = {.group = "a"}};
  SubmitImage(asker);
  SubmitImage(asker);
  SubmitImage(asker);
  SubmitImage(asker);
  EXPECT_THAT(core_->Prepared(static_cast<JobId>(2), true, Duration(0), now_).prepare, SizeIs(1));
  // Three are as far ahead as one slot and two preparations can use.
  EXPECT_THAT(core_->Prepared(static_cast<JobId>(3), true, Duration(0), now_).prepare, IsEmpty());
  EXPECT_THAT(core_->Cancel(static_cast<JobId>(4), now_).prepare, SizeIs(1));
}

TEST_F(SchedulerCreditTest, WhoWouldThenHaveMoreTakesNoRoom) {
  Make({.max_jobs = 5});
  Submit('a', {.client = {.group = "a"}}, 3);
  Submit('b', {.client = {.group = "b"}}, 2);
  const Decisions decisions = Submit('b', {.client = {.group = "b"}});
  ASSERT_THAT(decisions.refuse, SizeIs(1));
  EXPECT_EQ(names_[decisions.refuse[0].job], 'b');
}

}  // namespace
}  // namespace accelerd
