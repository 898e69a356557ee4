#include <chrono>
#include <csignal>
#include <future>
#include <thread>

#include "backend/simulated/backend_fixture.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;

TEST_F(SimulatedBackendTest, FailsToLoadTheModelsOfItsFaults) {
  Add({.kind = FaultKind::kError, .stage = FaultStage::kLoad, .model = "broken", .count = 0});
  Add({.kind = FaultKind::kOutOfMemory, .stage = FaultStage::kLoad, .model = "large"});
  const std::unique_ptr<Backend> backend = CreateOpen();
  EXPECT_TRUE(Compile(*backend, "fine").ok());
  EXPECT_EQ(Compile(*backend, "broken").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Compile(*backend, "broken").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Compile(*backend, "large").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Compile(*backend, "large").ok());
  EXPECT_EQ(backend->Compile({"absent", {}, {}}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SimulatedBackendTest, IsUnpluggedByTheClock) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const double now = WallClockSeconds();
  Add({.kind = FaultKind::kUnplug, .stage = FaultStage::kNow, .at = now + 0.05});
  WaitFor([&] { return losses_ == 1; });
  EXPECT_GE(WallClockSeconds(), now + 0.05);
}

TEST_F(SimulatedBackendTest, IsUnpluggedAfterSomeRuns) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  EXPECT_TRUE(Run(*model, 1).ok());  // Before the fault is there: does not count.
  Add({.kind = FaultKind::kUnplug, .stage = FaultStage::kRun, .after = 2});
  EXPECT_TRUE(Run(*model, 1).ok());
  EXPECT_TRUE(Run(*model, 1).ok());
  EXPECT_TRUE(absl::IsUnavailable(Run(*model, 1).status()));
  WaitFor([&] { return losses_ == 1; });
}

TEST_F(SimulatedBackendTest, AHangingRunEndsWhenTheStickIsGivenUp) {
  Add({.kind = FaultKind::kHang, .stage = FaultStage::kRun});
  const std::unique_ptr<Backend> backend = CreateOpen();
  std::unique_ptr<CompiledModel> model = *Compile(*backend);
  Answer hanging = Start(*model, 1);
  EXPECT_TRUE(IsRight(Run(*model, 2), 2));  // In another slot.
  EXPECT_EQ(hanging.wait_for(milliseconds(50)), std::future_status::timeout);
  backend->Abandon();
  EXPECT_TRUE(absl::IsUnavailable(Await(std::move(hanging)).status()));
  EXPECT_TRUE(absl::IsUnavailable(Run(*model, 2).status()));
  model.reset();
  ASSERT_TRUE(backend->Open().ok());
  model = *Compile(*backend);
  EXPECT_TRUE(IsRight(Run(*model, 3), 3));
  EXPECT_EQ(losses_, 0);
}

TEST_F(SimulatedBackendTest, AHangingCallReturnsWhenTheStickIsGivenUp) {
  const std::unique_ptr<Backend> backend = Create();
  const auto abandoned = [&](FaultStage stage, const std::function<absl::Status()>& call) {
    Add({.kind = FaultKind::kHang, .stage = stage});
    const std::uint64_t struck = State().counters.faults;
    std::future<absl::Status> result = std::async(std::launch::async, call);
    WaitFor([&] { return State().counters.faults > struck; });
    EXPECT_EQ(result.wait_for(milliseconds(20)), std::future_status::timeout);
    backend->Abandon();
    EXPECT_TRUE(absl::IsUnavailable(result.get()));
  };
  abandoned(FaultStage::kOpen, [&] { return backend->Open(); });
  ASSERT_TRUE(backend->Open().ok());
  abandoned(FaultStage::kLoad, [&] { return Compile(*backend).status(); });
  ASSERT_TRUE(backend->Open().ok());
  abandoned(FaultStage::kProbe, [&] { return backend->Probe(); });
}

TEST_F(SimulatedBackendTest, FailsToOpenAndToProbe) {
  Add({.kind = FaultKind::kError, .stage = FaultStage::kOpen, .count = 2});
  const std::unique_ptr<Backend> backend = Create();
  EXPECT_TRUE(absl::IsUnavailable(backend->Open()));
  EXPECT_TRUE(absl::IsUnavailable(backend->Open()));
  EXPECT_TRUE(backend->Open().ok());
  Add({.kind = FaultKind::kError, .stage = FaultStage::kProbe});
  EXPECT_TRUE(absl::IsUnavailable(backend->Probe()));
  EXPECT_EQ(losses_, 1);
}

TEST_F(SimulatedBackendTest, FailsOneRun) {
  Add({.kind = FaultKind::kError, .stage = FaultStage::kRun});
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  EXPECT_EQ(Run(*model, 1).status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));
}

TEST_F(SimulatedBackendTest, AnswersWronglyForARunOrForAnOpening) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  std::unique_ptr<CompiledModel> model = *Compile(*backend);
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));
  Add({.kind = FaultKind::kWrongOutput, .stage = FaultStage::kRun});
  EXPECT_FALSE(IsRight(Run(*model, 1), 1));
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));

  Add({.kind = FaultKind::kWrongOutput, .stage = FaultStage::kOpen});
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));
  for (const bool right : {false, true}) {
    model.reset();
    ASSERT_TRUE(backend->Open().ok());
    model = *Compile(*backend);
    EXPECT_EQ(IsRight(Run(*model, 1), 1), right);
    EXPECT_EQ(IsRight(Run(*model, 1), 1), right);
  }
}

TEST_F(SimulatedBackendTest, IsSlowForSomeRuns) {
  Set("latency", "10ms");
  Add({.kind = FaultKind::kSlow, .stage = FaultStage::kRun, .factor = 5});
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  EXPECT_GE(Run(*model, 1)->device_time, milliseconds(50));
}

TEST_F(SimulatedBackendTest, DoesNotCrashUnlessThatIsAllowed) {
  Add({.kind = FaultKind::kCrash, .stage = FaultStage::kRun});
  Add({.kind = FaultKind::kCrash, .stage = FaultStage::kNow});
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));
  EXPECT_EQ(State().faults.size(), 2);
}

using SimulatedBackendDeathTest = SimulatedBackendTest;

TEST_F(SimulatedBackendDeathTest, CrashesTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Set("allow_process_crash", "true");
  for (const FaultStage stage : {FaultStage::kNow, FaultStage::kOpen, FaultStage::kLoad, FaultStage::kRun}) {
    EXPECT_EXIT(
        {
          Add({.kind = FaultKind::kCrash, .stage = stage});
          const std::unique_ptr<Backend> backend = CreateOpen();
          const std::unique_ptr<CompiledModel> model = *Compile(*backend);
          EXPECT_TRUE(Run(*model, 1).ok());
          std::this_thread::sleep_for(kForEver);  // At kNow it happens on the stick's own thread.
        },
        testing::KilledBySignal(SIGSEGV), "");
  }
}

}  // namespace
}  // namespace accelerd
