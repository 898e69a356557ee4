#include "engine/scheduler.h"

#include <atomic>
#include <future>

#include "engine/fake_models.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr DeviceId kDevice{0};

/// Where one job's answer arrives.
class Answer {
 public:
  Done<Tensors> done() {
    return [this](absl::StatusOr<Tensors> result) { promise_.set_value(std::move(result)); };
  }
  absl::StatusOr<Tensors> Wait() { return future_.get(); }
  bool ready() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

 private:
  std::promise<absl::StatusOr<Tensors>> promise_;
  std::future<absl::StatusOr<Tensors>> future_ = promise_.get_future();
};

class SchedulerTest : public testing::Test {
 protected:
  void SetUp() override {
    scheduler_.DeviceChanged(kDevice, DeviceState::kReady);
    scheduler_.PlacementChanged(kDevice, handle_->generation, model_);
  }

  void TearDown() override {
    scheduler_.Close(absl::UnavailableError("the test is over"));
    while (model_->started() > 0) {
      model_->FinishOne();
    }
  }

  Job Ready(std::int64_t value, Answer& answer) {
    Job job;
    job.model = handle_;
    job.inputs = FakeInputs(value);
    job.input_bytes = 8;
    job.done = answer.done();
    return job;
  }

  Job Unprepared(std::int64_t value, Answer& answer) {
    Job job = Ready(value, answer);
    job.inputs.clear();
    job.prepare = [value](const std::stop_token&) -> absl::StatusOr<Tensors> { return FakeInputs(value); };
    return job;
  }

  static std::int64_t Value(const absl::StatusOr<Tensors>& outputs) {
    return outputs.ok() ? outputs->at(0).elements<std::int64_t>()[0] : -1;
  }

  CpuPool pool_{2};
  std::shared_ptr<ManualModel> model_ = std::make_shared<ManualModel>(1);
  ModelHandle handle_ = MakeHandle(1);
  Scheduler scheduler_{{.max_jobs = 4, .max_prepared_bytes = 100}, pool_};
};

TEST_F(SchedulerTest, PreparesAndRuns) {
  Answer answer;
  scheduler_.Submit(Unprepared(41, answer));
  model_->FinishOne();
  const absl::StatusOr<Tensors> outputs = answer.Wait();
  EXPECT_EQ(Value(outputs), 42);
  EXPECT_FALSE(outputs->at(1).empty());
}

TEST_F(SchedulerTest, OutputsOfFixedSizeAreAllocatedAndOthersEmpty) {
  Answer answer;
  scheduler_.Submit(Ready(1, answer));
  ManualModel::StartedRun run = model_->Take();
  EXPECT_EQ(run.outputs.at(0).byte_size(), 8);
  EXPECT_TRUE(run.outputs.at(1).empty());
  run.done(absl::InvalidArgumentError("no"));
}

TEST_F(SchedulerTest, ACompletionStartsTheNextRunBeforeItsOwnAnswer) {
  Answer second;
  std::promise<std::size_t> started_when_answered;
  Job job;
  job.model = handle_;
  job.inputs = FakeInputs(1);
  job.done = [&](const absl::StatusOr<Tensors>&) { started_when_answered.set_value(model_->started()); };
  scheduler_.Submit(std::move(job));
  scheduler_.Submit(Ready(2, second));
  EXPECT_EQ(model_->started(), 1);
  model_->FinishOne();
  EXPECT_EQ(started_when_answered.get_future().get(), 1);
  model_->FinishOne();
  EXPECT_EQ(Value(second.Wait()), 3);
}

TEST_F(SchedulerTest, InputsAreReleasedBeforeTheAnswer) {
  Tensors inputs = FakeInputs(1);
  const std::weak_ptr<Buffer> watched = inputs[0].buffer();
  std::promise<bool> released;
  Job job;
  job.model = handle_;
  job.inputs = std::move(inputs);
  job.done = [&](const absl::StatusOr<Tensors>&) { released.set_value(watched.expired()); };
  scheduler_.Submit(std::move(job));
  model_->FinishOne();
  EXPECT_TRUE(released.get_future().get());
}

TEST_F(SchedulerTest, TheModelIsHeldUntilTheAnswer) {
  std::promise<bool> held;
  const std::weak_ptr<const EngineModel> watched = handle_;
  Job job;
  job.model = std::exchange(handle_, nullptr);
  job.inputs = FakeInputs(1);
  job.done = [&](const absl::StatusOr<Tensors>&) { held.set_value(!watched.expired()); };
  scheduler_.Submit(std::move(job));
  model_->FinishOne();
  EXPECT_TRUE(held.get_future().get());
  EXPECT_TRUE(watched.expired());
}

TEST_F(SchedulerTest, ReportsErrorsOfTheRun) {
  Answer wrong;
  scheduler_.Submit(Ready(1, wrong));
  model_->FailOne(absl::InvalidArgumentError("does not fit"));
  EXPECT_EQ(wrong.Wait().status(), absl::InvalidArgumentError("does not fit"));
  Answer broken;
  scheduler_.Submit(Ready(1, broken));
  model_->FailOne(absl::UnknownError("out of luck"));
  const absl::Status status = broken.Wait().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("out of luck"));
}

TEST_F(SchedulerTest, ADeviceFaultRunsTheJobAgainWithTheSameInputs) {
  Answer answer;
  scheduler_.Submit(Ready(6, answer));
  model_->FailOne(absl::UnavailableError("lost"));
  scheduler_.DeviceChanged(kDevice, DeviceState::kReady);
  model_->FinishOne();
  EXPECT_EQ(Value(answer.Wait()), 7);
}

TEST_F(SchedulerTest, ALateCompletionAfterTheLossIsDropped) {
  Answer answer;
  scheduler_.Submit(Ready(6, answer));
  ManualModel::StartedRun lost = model_->Take();
  scheduler_.DeviceChanged(kDevice, DeviceState::kLost);
  auto reopened = std::make_shared<ManualModel>(1);
  scheduler_.PlacementChanged(kDevice, handle_->generation, reopened);
  scheduler_.DeviceChanged(kDevice, DeviceState::kReady);
  lost.done(FakeRun(lost.inputs, std::move(lost.outputs), 100));
  EXPECT_FALSE(answer.ready());
  reopened->FinishOne();
  EXPECT_EQ(Value(answer.Wait()), 7);
}

TEST_F(SchedulerTest, AFailedPreparationAnswersWithItsError) {
  Answer answer;
  Job job = Unprepared(0, answer);
  job.prepare = [](const std::stop_token&) -> absl::StatusOr<Tensors> {
    return absl::InvalidArgumentError("not an image");
  };
  scheduler_.Submit(std::move(job));
  EXPECT_EQ(answer.Wait().status(), absl::InvalidArgumentError("not an image"));
}

TEST_F(SchedulerTest, RefusesInsideSubmit) {
  Answer answer;
  Job job = Ready(1, answer);
  job.input_bytes = 101;
  scheduler_.Submit(std::move(job));
  ASSERT_TRUE(answer.ready());
  EXPECT_EQ(answer.Wait().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SchedulerTest, CancelAnswersNowAndKeepsTheSlot) {
  Answer cancelled;
  Answer next;
  const JobId id = scheduler_.Submit(Ready(1, cancelled));
  scheduler_.Submit(Ready(2, next));
  scheduler_.Cancel(id);
  ASSERT_TRUE(cancelled.ready());
  EXPECT_EQ(cancelled.Wait().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(model_->started(), 1);
  model_->FinishOne();
  model_->FinishOne();
  EXPECT_EQ(Value(next.Wait()), 3);
  scheduler_.Cancel(id);
}

TEST_F(SchedulerTest, ADeadlineEndsTheWait) {
  Answer running;
  Answer waiting;
  scheduler_.Submit(Ready(1, running));
  Job job = Ready(2, waiting);
  job.deadline = Clock::Steady().Now() + milliseconds(5);
  scheduler_.Submit(std::move(job));
  EXPECT_EQ(waiting.Wait().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(running.ready());
  model_->FinishOne();
}

TEST_F(SchedulerTest, RefuseTurnsNewJobsAwayAndLetsOldOnesFinish) {
  Answer accepted;
  Answer refused;
  scheduler_.Submit(Ready(1, accepted));
  scheduler_.Refuse(absl::UnavailableError("shutting down"));
  scheduler_.Submit(Ready(1, refused));
  EXPECT_EQ(refused.Wait().status(), absl::UnavailableError("shutting down"));
  model_->FinishOne();
  EXPECT_TRUE(accepted.Wait().ok());
}

TEST_F(SchedulerTest, CloseAnswersEveryJobAndIdleWaitsForTheRun) {
  Answer running;
  Answer waiting;
  scheduler_.Submit(Ready(1, running));
  scheduler_.Submit(Ready(1, waiting));
  scheduler_.Close(absl::UnavailableError("shut down"));
  EXPECT_EQ(running.Wait().status(), absl::UnavailableError("shut down"));
  EXPECT_EQ(waiting.Wait().status(), absl::UnavailableError("shut down"));
  std::atomic<bool> idle = false;
  scheduler_.NotifyIdle([&](const absl::Status&) { idle = true; });
  EXPECT_FALSE(idle);
  model_->FinishOne();
  EXPECT_TRUE(idle);
  bool at_once = false;
  scheduler_.NotifyIdle([&](const absl::Status&) { at_once = true; });
  EXPECT_TRUE(at_once);
}

TEST(SchedulerLifetimeTest, ARunMayEndAfterTheScheduler) {
  CpuPool pool(1);
  auto model = std::make_shared<ManualModel>(1);
  Answer answer;
  {
    Scheduler scheduler({}, pool);
    const ModelHandle handle = MakeHandle(1);
    scheduler.DeviceChanged(kDevice, DeviceState::kReady);
    scheduler.PlacementChanged(kDevice, handle->generation, model);
    Job job;
    job.model = handle;
    job.inputs = FakeInputs(1);
    job.done = answer.done();
    scheduler.Submit(std::move(job));
    scheduler.Close(absl::UnavailableError("shut down"));
  }
  model->FinishOne();
  EXPECT_FALSE(answer.Wait().ok());
}

}  // namespace
}  // namespace accelerd
