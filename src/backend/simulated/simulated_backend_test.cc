#include "backend/simulated/simulated_backend.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "backend/simulated/backend_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST_F(SimulatedBackendTest, AnswersWithTheOutputFunction) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  EXPECT_EQ(model->info().slots, 4);
  const absl::StatusOr<RunResult> result = Run(*model, 1);
  EXPECT_TRUE(IsRight(result, 1));
  EXPECT_FALSE(IsRight(result, 2));
  EXPECT_THAT(result->outputs[1].shape(), testing::ElementsAre(1, 8));
  EXPECT_TRUE(backend->Probe().ok());
}

TEST_F(SimulatedBackendTest, CountsWhatHappens) {
  {
    const std::unique_ptr<Backend> backend = CreateOpen();
    const std::unique_ptr<CompiledModel> model = *Compile(*backend);
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(Run(*model, 1).ok());
    }
    EXPECT_EQ(State().owner, getpid());
    WaitFor([&] { return State().counters.runs == 5; });  // While it is open.
    EXPECT_TRUE(Run(*model, 1).ok());
  }
  EXPECT_EQ(State().counters.opens, 1);
  EXPECT_EQ(State().counters.loads, 1);
  EXPECT_EQ(State().counters.runs, 6);
  EXPECT_EQ(State().owner, 0);
}

TEST_F(SimulatedBackendTest, TakesItsTimeInItsSlots) {
  Set("latency", "50ms");
  Set("slots", "1");
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  const Time begin = Clock::Steady().Now();
  Answer first = Start(*model, 1);
  Answer second = Start(*model, 2);
  const absl::StatusOr<RunResult> result = Await(std::move(first));
  EXPECT_TRUE(IsRight(result, 1));
  EXPECT_GE(result->device_time, milliseconds(50));
  EXPECT_TRUE(IsRight(Await(std::move(second)), 2));
  EXPECT_GE(Clock::Steady().Now() - begin, milliseconds(100));
}

TEST_F(SimulatedBackendTest, OpensAndLoadsSlowly) {
  Set("open_time", "20ms");
  Set("load_time", "30ms");
  Add({.kind = FaultKind::kSlow, .stage = FaultStage::kLoad, .factor = 3});
  const Time begin = Clock::Steady().Now();
  const std::unique_ptr<Backend> backend = CreateOpen();
  EXPECT_TRUE(Compile(*backend).ok());
  EXPECT_GE(Clock::Steady().Now() - begin, milliseconds(110));
}

TEST_F(SimulatedBackendTest, IsExclusive) {
  std::unique_ptr<Backend> owner = CreateOpen();
  const std::unique_ptr<Backend> other = Create();
  const absl::Status refused = other->Open();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_THAT(std::string(Message(refused)), HasSubstr("X_LINK_DEVICE_NOT_FOUND"));
  EXPECT_TRUE(owner->Probe().ok());
  owner.reset();
  EXPECT_TRUE(other->Open().ok());
}

TEST_F(SimulatedBackendTest, IsFullWhenItsMemoryIs) {
  Set("device_memory", "100");
  Set("model_memory", "40");
  const std::unique_ptr<Backend> backend = CreateOpen();
  absl::StatusOr<std::unique_ptr<CompiledModel>> first = Compile(*backend);
  const absl::StatusOr<std::unique_ptr<CompiledModel>> second = Compile(*backend);
  EXPECT_TRUE(second.ok());
  EXPECT_EQ(Compile(*backend).status().code(), absl::StatusCode::kResourceExhausted);
  *first = nullptr;
  EXPECT_TRUE(Compile(*backend).ok());
}

TEST_F(SimulatedBackendTest, UnpluggedFailsEveryRunAndReplugsAgain) {
  Set("latency", "60m");
  Set("slots", "2");
  const std::unique_ptr<Backend> backend = CreateOpen();
  std::unique_ptr<CompiledModel> model = *Compile(*backend);
  std::vector<Answer> answers;
  for (int i = 0; i < 3; ++i) {  // The third waits for a slot.
    answers.push_back(Start(*model, 1));
  }
  Edit([](StickState& state) { Plug(state, false); });
  for (Answer& answer : answers) {
    EXPECT_TRUE(absl::IsUnavailable(Await(std::move(answer)).status()));
  }
  EXPECT_TRUE(absl::IsUnavailable(Run(*model, 1).status()));
  EXPECT_TRUE(absl::IsUnavailable(backend->Probe()));
  EXPECT_TRUE(absl::IsUnavailable(Compile(*backend).status()));
  WaitFor([&] { return losses_ == 1; });
  model.reset();
  EXPECT_THAT(std::string(Message(backend->Open())), HasSubstr("X_LINK_DEVICE_NOT_FOUND"));

  Edit([](StickState& state) {
    Plug(state, true);
    EXPECT_TRUE(SetStickSetting(state.settings, "latency", "0").ok());
  });
  ASSERT_TRUE(backend->Open().ok());
  model = *Compile(*backend);
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));
  EXPECT_EQ(losses_, 1);
}

TEST_F(SimulatedBackendTest, NoticesAnUnplugAndReplugInOne) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  Edit([](StickState& state) {
    Plug(state, false);
    Plug(state, true);
  });
  WaitFor([&] { return losses_ == 1; });
  EXPECT_TRUE(absl::IsUnavailable(backend->Probe()));
  EXPECT_TRUE(backend->Open().ok());
}

TEST_F(SimulatedBackendTest, GoesOnWhileItsFileIsMalformed) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  const std::string good = StickStateToJson(State());
  std::ofstream(path_) << "{]";
  EXPECT_TRUE(IsRight(Run(*model, 1), 1));
  EXPECT_TRUE(absl::IsUnavailable(Create()->Open()));
  std::ofstream(path_) << good;
  Add({.kind = FaultKind::kError, .stage = FaultStage::kRun});
  EXPECT_FALSE(Run(*model, 1).ok());
}

TEST_F(SimulatedBackendTest, AChangeConcernsEveryInferenceAfterIt) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = *Compile(*backend);
  std::atomic<bool> stop = false;
  std::thread prober([&] {  // Reads the file again and again, so that it meets most changes before the inference does.
    while (!stop) {
      EXPECT_TRUE(backend->Probe().ok());
    }
  });
  for (int i = 0; i < 1000; ++i) {
    Add({.kind = FaultKind::kError, .stage = FaultStage::kRun});
    EXPECT_FALSE(Run(*model, 1).ok()) << i;
  }
  stop = true;
  prober.join();
}

}  // namespace
}  // namespace accelerd
