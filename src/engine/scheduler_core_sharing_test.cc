// What one client's jobs do to another's, and frames to older ones.

#include <chrono>
#include <string>
#include <vector>

#include "engine/scheduler_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr DeviceId kDevice{0};
constexpr ModelGeneration kModel{1};

class SchedulerSharingTest : public testing::Test {
 protected:
  void Make(const SchedulerLimits& limits, int slots = 1) {
    core_.emplace(limits);
    core_->DeviceChanged(kDevice, DeviceState::kReady, now_);
    core_->PlacementChanged(kDevice, kModel, slots, now_);
  }

  JobInfo Tensors(const std::string& group) {
    JobInfo job = Image(group);
    job.prepared = true;
    return job;
  }

  JobInfo Image(const std::string& group, const std::string& stream = "") {
    JobInfo job;
    job.id = static_cast<JobId>(++last_job_);
    job.model = kModel;
    job.client = {.group = group};
    job.stream = stream;
    job.input_bytes = 10;
    return job;
  }

  Decisions Submit(const JobInfo& job) { return core_->Submit(job, now_); }
  Decisions Prepared(int job) { return core_->Prepared(static_cast<JobId>(job), true, Duration(0), now_); }

  /// A run that takes `time`: the model is measured.
  void Measure(Duration time) {
    const RunId run = Submit(Tensors("measured")).start.at(0).run;
    now_ += time;
    core_->Finished(run, Outcome::kOk, time, now_);
  }

  static std::vector<int> Refused(const Decisions& decisions) {
    std::vector<int> jobs;
    for (const auto& refusal : decisions.refuse) {
      jobs.push_back(static_cast<int>(refusal.job));
    }
    return jobs;
  }
  static std::vector<int> Granted(const Decisions& decisions) {
    std::vector<int> jobs;
    for (const auto& preparation : decisions.prepare) {
      jobs.push_back(static_cast<int>(preparation.job));
    }
    return jobs;
  }
  static std::vector<int> Started(const Decisions& decisions) {
    std::vector<int> jobs;
    for (const auto& start : decisions.start) {
      jobs.push_back(static_cast<int>(start.job));
    }
    return jobs;
  }

  std::uint64_t RefusedFor(RefusalReason reason) const {
    return core_->total().refused.at(static_cast<std::size_t>(reason));
  }

  std::optional<SchedulerCore> core_;
  Time now_ = Time(seconds(1000));
  int last_job_ = 0;
};

TEST_F(SchedulerSharingTest, AClientHasABoundOfItsOwn) {
  Make({.max_jobs = 10, .max_client_jobs = 2});
  Submit(Tensors("a"));
  Submit(Tensors("a"));
  const Decisions third = Submit(Tensors("a"));
  ASSERT_EQ(third.refuse.size(), 1);
  EXPECT_TRUE(IsClientLimit(third.refuse[0].status));
  EXPECT_EQ(Reason(third.refuse[0].status), "client_queue_full");
  EXPECT_TRUE(RetryAfter(third.refuse[0].status));
  EXPECT_THAT(Submit(Tensors("b")).refuse, IsEmpty());
}

TEST_F(SchedulerSharingTest, AClientHasABoundOfBytes) {
  Make({.max_client_bytes = 25});
  Submit(Tensors("a"));
  Submit(Tensors("a"));
  EXPECT_TRUE(IsClientLimit(Submit(Tensors("a")).refuse.at(0).status));
  EXPECT_THAT(Submit(Tensors("b")).refuse, IsEmpty());
}

TEST_F(SchedulerSharingTest, AFullQueueTakesFromWhoHasMost) {
  Make({.max_jobs = 4});
  for (int i = 0; i < 4; ++i) {
    Submit(Tensors("greedy"));
  }
  // The last of the greedy one goes, then another; then both have as many.
  EXPECT_THAT(Refused(Submit(Tensors("modest"))), ElementsAre(4));
  const Decisions second = Submit(Tensors("modest"));
  EXPECT_THAT(Refused(second), ElementsAre(3));
  EXPECT_TRUE(IsClientLimit(second.refuse[0].status));
  EXPECT_THAT(Refused(Submit(Tensors("modest"))), ElementsAre(7));
  EXPECT_EQ(RefusedFor(RefusalReason::kClientQueueFull), 3);
}

TEST_F(SchedulerSharingTest, WhoIsRefusedAnywayTakesNoRoom) {
  Make({.max_jobs = 4});
  Measure(milliseconds(10));
  for (int i = 0; i < 4; ++i) {
    Submit(Tensors("greedy"));
  }
  JobInfo late = Tensors("modest");
  late.deadline = now_;
  EXPECT_THAT(Refused(Submit(late)), ElementsAre(static_cast<int>(late.id)));
}

TEST_F(SchedulerSharingTest, AloneAClientMeetsTheBoundOfTheService) {
  Make({.max_jobs = 1});
  Submit(Tensors("a"));
  const absl::Status refusal = Submit(Tensors("a")).refuse.at(0).status;
  EXPECT_FALSE(IsClientLimit(refusal));
  EXPECT_EQ(Reason(refusal), "queue_full");
}

TEST_F(SchedulerSharingTest, RefusesAtOnceWhatCannotStartByItsDeadline) {
  Make({});
  Measure(milliseconds(10));
  for (int i = 0; i < 5; ++i) {
    Submit(Tensors("a"));  // One runs, 40 ms wait.
  }
  JobInfo hurried = Tensors("a");
  hurried.deadline = now_ + milliseconds(39);
  const absl::Status refusal = Submit(hurried).refuse.at(0).status;
  EXPECT_EQ(Reason(refusal), "too_late");
  EXPECT_FALSE(IsClientLimit(refusal)) << "nobody else wants the device";
  JobInfo patient = Tensors("a");
  patient.deadline = now_ + milliseconds(40);
  EXPECT_THAT(Submit(patient).refuse, IsEmpty());
}

TEST_F(SchedulerSharingTest, WhoHasMoreThanItsShareIsToldSo) {
  Make({});
  Measure(milliseconds(10));
  for (int i = 0; i < 9; ++i) {
    Submit(Tensors("greedy"));
  }
  Submit(Tensors("modest"));
  JobInfo hurried = Tensors("greedy");
  hurried.deadline = now_ + milliseconds(50);
  const absl::Status refusal = Submit(hurried).refuse.at(0).status;
  EXPECT_TRUE(IsClientLimit(refusal));
  EXPECT_TRUE(RetryAfter(refusal));
}

TEST_F(SchedulerSharingTest, OthersCountAsMuchAsTheOwnShare) {
  Make({});
  Measure(milliseconds(10));
  for (int i = 0; i < 50; ++i) {
    Submit(Tensors("greedy"));
  }
  // Of the 490 ms that wait, 10 ms at most come before the first job of another.
  JobInfo modest = Tensors("modest");
  modest.deadline = now_ + milliseconds(10);
  EXPECT_THAT(Submit(modest).refuse, IsEmpty());
  JobInfo second = Tensors("modest");
  second.deadline = now_ + milliseconds(29);
  EXPECT_EQ(Reason(Submit(second).refuse.at(0).status), "too_late");
}

TEST_F(SchedulerSharingTest, HigherClassesComeBefore) {
  Make({});
  Measure(milliseconds(10));
  for (int i = 0; i < 5; ++i) {
    JobInfo job = Tensors("arm");
    job.priority = PriorityClass::kRealtime;
    Submit(job);
  }
  JobInfo normal = Tensors("other");
  normal.deadline = now_ + milliseconds(39);
  EXPECT_EQ(Reason(Submit(normal).refuse.at(0).status), "too_late");
  JobInfo urgent = Tensors("another");
  urgent.priority = PriorityClass::kRealtime;
  urgent.deadline = now_ + milliseconds(39);
  EXPECT_THAT(Submit(urgent).refuse, IsEmpty());
}

TEST_F(SchedulerSharingTest, ACancelledJobCostsItsClientNothing) {
  Make({});
  Measure(milliseconds(10));
  const RunId running = Submit(Tensors("other")).start.at(0).run;
  for (int i = 0; i < 10; ++i) {
    const JobInfo job = Tensors("leaver");
    Submit(job);
    core_->Cancel(job.id, now_);
  }
  const JobInfo next = Tensors("leaver");
  Submit(next);
  Submit(Tensors("other"));
  now_ += milliseconds(10);
  EXPECT_THAT(Started(core_->Finished(running, Outcome::kOk, milliseconds(10), now_)),
              ElementsAre(static_cast<int>(next.id)));
  EXPECT_EQ(core_->total().cancelled, 10);
}

TEST_F(SchedulerSharingTest, ANewerFrameReplacesOneThatWaitsAtOnce) {
  Make({.max_preparing = 1});
  EXPECT_THAT(Granted(Submit(Image("a", "cam"))), ElementsAre(1));
  EXPECT_THAT(Refused(Submit(Image("a", "cam"))), IsEmpty()) << "the older one is being prepared";
  Submit(Image("a"));
  const Decisions third = Submit(Image("a", "cam"));
  ASSERT_THAT(Refused(third), ElementsAre(2));
  EXPECT_EQ(third.refuse[0].status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(third.refuse[0].status), "superseded");
  EXPECT_THAT(Granted(Prepared(1)), ElementsAre(4)) << "in the place of the older one";
}

TEST_F(SchedulerSharingTest, ANewerFrameReplacesAPreparedOneOnceItIsPrepared) {
  Make({});
  const RunId running = Submit(Tensors("a")).start.at(0).run;
  Submit(Image("a", "cam"));
  Prepared(2);
  Submit(Image("a"));
  Prepared(3);
  EXPECT_THAT(Refused(Submit(Image("a", "cam"))), IsEmpty());
  EXPECT_THAT(Refused(Prepared(4)), ElementsAre(2));
  EXPECT_THAT(Started(core_->Finished(running, Outcome::kOk, milliseconds(1), now_)), ElementsAre(4));
}

TEST_F(SchedulerSharingTest, ANewerFrameThatIsPreparedFirstReplacesTheOneInPreparation) {
  Make({}, /*slots=*/1);
  Submit(Tensors("a"));
  Submit(Image("a", "cam"));
  Submit(Image("a", "cam"));
  EXPECT_THAT(Refused(Prepared(3)), ElementsAre(2));
  EXPECT_THAT(Prepared(2).refuse, IsEmpty()) << "it has its answer";
  EXPECT_EQ(core_->job_count(), 2);
}

TEST_F(SchedulerSharingTest, AFrameThatHasStartedIsNeverReplaced) {
  Make({});
  Submit(Image("a", "cam"));
  const RunId run = Prepared(1).start.at(0).run;
  Submit(Image("a", "cam"));
  EXPECT_THAT(Prepared(2).refuse, IsEmpty());
  core_->Finished(run, Outcome::kDeviceFault, {}, now_);
  Submit(Image("a", "cam"));
  EXPECT_THAT(Refused(Prepared(3)), ElementsAre(2)) << "the first waits to run again, which is its right";
}

TEST_F(SchedulerSharingTest, StreamsOfTwoClientsAreTwo) {
  Make({.max_preparing = 1});
  Submit(Image("a", "cam"));
  Submit(Image("a", "cam"));
  EXPECT_THAT(Submit(Image("b", "cam")).refuse, IsEmpty());
}

TEST_F(SchedulerSharingTest, AFrameTakesThePlaceOfAnotherInAFullQueue) {
  Make({.max_jobs = 2, .max_client_jobs = 2, .max_preparing = 1});
  Submit(Image("a", "cam"));
  Submit(Image("a", "cam"));
  EXPECT_THAT(Refused(Submit(Image("a", "cam"))), ElementsAre(2));
}

TEST_F(SchedulerSharingTest, NobodysPileDelaysThePreparationOfAnother) {
  Make({.max_preparing = 2});
  for (int i = 0; i < 20; ++i) {
    Submit(Image("greedy"));
  }
  std::vector<int> granted = {1, 2};
  for (int next = 0; next < static_cast<int>(granted.size()); ++next) {
    for (const int more : Granted(Prepared(granted[static_cast<std::size_t>(next)]))) {
      granted.push_back(more);
    }
  }
  EXPECT_EQ(granted.size(), 4) << "one on the device, and one slot and two preparations ahead";
  EXPECT_THAT(Granted(Submit(Image("modest"))), ElementsAre(21));
}

TEST_F(SchedulerSharingTest, WhoIsIdleForLongestIsForgotten) {
  Make({.max_clients = 2});
  for (const char* const group : {"a", "b", "c", "d"}) {
    const RunId run = Submit(Tensors(group)).start.at(0).run;
    now_ += milliseconds(3);
    core_->Finished(run, Outcome::kOk, milliseconds(3), now_);
  }
  std::vector<std::string> names;
  for (const ClientStats& client : core_->MakeReport(now_).clients) {
    names.push_back(client.client.group);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("", "c", "d"));
  EXPECT_EQ(core_->total().completed, 4);
}

TEST_F(SchedulerSharingTest, IdsOfOneClientDoNotCrowdOutOthers) {
  Make({.max_clients = 4});
  const RunId running = Submit(Tensors("other")).start.at(0).run;
  for (int i = 0; i < 20; ++i) {
    JobInfo job = Tensors("many");
    job.client.member = std::to_string(i);
    Submit(job);
    core_->Cancel(job.id, now_);
  }
  Submit(Tensors("newcomer"));
  std::vector<std::string> names;
  for (const ClientStats& client : core_->MakeReport(now_).clients) {
    names.push_back(client.client.group);
  }
  EXPECT_THAT(names, testing::AllOf(testing::Contains("other"), testing::Contains("newcomer")));
  now_ += milliseconds(1);
  core_->Finished(running, Outcome::kOk, milliseconds(1), now_);
}

}  // namespace
}  // namespace accelerd
