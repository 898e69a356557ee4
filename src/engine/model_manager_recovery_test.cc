// What the manager does when its device is lost, hangs, crashes or lies.

#include <algorithm>
#include <future>

#include "engine/model_manager_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ModelManagerTest, ALostDeviceComesBackUnderTheRequestsThatWait) {
  auto* lost = new ManualModel(1);
  device_->SetMakeModel([lost](const ModelSource&) { return std::unique_ptr<CompiledModel>(lost); });
  ASSERT_TRUE(Load(Request("a")).ok());
  const ModelHandle model = Route("a");
  std::future<std::int64_t> running = Infer(model, 1);
  std::future<std::int64_t> queued = Infer(model, 2);
  device_->SetMakeModel([](const ModelSource&) { return std::make_unique<ThreadedModel>(1, 10, 0); });
  device_->Lose();
  EXPECT_EQ(Route("a"), model);
  // The device is opened again when the run that was in flight has ended.
  lost->FailOne(absl::UnavailableError("lost"));
  EXPECT_EQ(running.get(), 11);
  EXPECT_EQ(queued.get(), 12);
  EXPECT_EQ(Route("a"), model);
  EXPECT_EQ(device_->compiles(), 2);
}

TEST_F(ModelManagerTest, AModelWhoseLoadTakesTheDeviceDownTwiceIsGivenUp) {
  device_->SetCompileStatus("a", WithLossKind(absl::UnavailableError("USB reset"), LossKind::kCrash));
  device_->OnCompile([this](const ModelSource& source) {
    if (source.name == "a") {
      device_->SetProbeStatus(absl::UnavailableError("gone"));
    }
  });
  const absl::Status status = Load(Request("a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("USB reset"));
  EXPECT_EQ(device_->compiles(), 2);
  EXPECT_TRUE(Load(Request("b")).ok());
}

TEST_F(ModelManagerTest, ALoadDuringWhichTheDeviceLeavesIsTriedAgain) {
  device_->SetCompileStatus("a", absl::UnavailableError("unplugged"));
  device_->OnCompile([this](const ModelSource&) { device_->SetProbeStatus(absl::UnavailableError("gone")); });
  LoadCompletion completion;
  BeginLoad(Request("a"), completion);
  device_->WaitForCompiles(2);
  device_->SetCompileStatus("a", absl::OkStatus());
  EXPECT_TRUE(completion.Wait().ok());
}

/// Fails the compiles of `model` by a loss of the device, as the driver or the worker reports it.
void LoseInLoadsOf(FakeDevice& device, const std::string& model, const absl::Status& compile_status) {
  device.SetCompileStatus(model, compile_status);
  device.OnCompile([&device, model](const ModelSource& source) {
    if (source.name == model) {
      device.Lose(absl::UnavailableError("X_LINK_ERROR"));
      device.SetProbeStatus(absl::UnavailableError("X_LINK_ERROR"));
    }
  });
}

TEST_F(ModelManagerTest, AModelWhoseLoadsTheDeviceLeavesIsGivenUpAndKeepsNoOtherAway) {
  // Also when the driver names an error of another kind.
  for (const absl::Status& status : {absl::UnavailableError("the device is lost"), absl::InternalError("NC_ERROR"),
                                     absl::InvalidArgumentError("cannot compile: NC_ERROR")}) {
    Restart();
    device_->SetCompileStatus("b", absl::OkStatus());
    LoseInLoadsOf(*device_, "a", status);
    const int before = device_->compiles();
    LoadCompletion bad;
    LoadCompletion good;
    BeginLoad(Request("a"), bad);
    BeginLoad(Request("b"), good);
    EXPECT_TRUE(good.Wait().ok());
    const absl::Status answer = bad.Wait();
    EXPECT_EQ(answer.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(Message(answer)), HasSubstr("the device was lost each time: X_LINK_ERROR"));
    WaitForState("b", "READY");
    EXPECT_THAT(Listed(), ElementsAre(StartsWith("a UNAVAILABLE: the device was lost each time"), "b READY"));
    EXPECT_LE(device_->compiles() - before, 3 + 3) << "b comes back after each loss";
  }
}

TEST_F(ModelManagerTest, ALossAtTheVeryEndOfALoadCountsForTheLoad) {
  device_->SetMakeModel([this](const ModelSource&) {
    device_->Lose(absl::UnavailableError("X_LINK_ERROR"));
    return std::make_unique<ThreadedModel>(1, 1, 0);
  });
  const absl::Status answer = Load(Request("a"));
  EXPECT_THAT(std::string(Message(answer)), HasSubstr("the device was lost each time: X_LINK_ERROR"));
  EXPECT_EQ(device_->compiles(), 3);
}

TEST_F(ModelManagerTest, ALoadThatIsTriedAgainSaysWhatBecameOfTheLastOne) {
  LoseInLoadsOf(*device_, "a", absl::UnavailableError("the device is lost"));
  LoadCompletion completion;
  BeginLoad(Request("a"), completion);
  device_->WaitForCompiles(1);
  device_->Block("a");
  device_->WaitForCompiles(2);
  EXPECT_THAT(Listed(), ElementsAre(AllOf(StartsWith("a LOADING: "), HasSubstr("lost"), HasSubstr("X_LINK_ERROR"))));
  device_->Unblock("a");
  EXPECT_FALSE(completion.Wait().ok());
}

TEST_F(ModelManagerTest, AModelThatTheDeviceLeftGetsAnotherTryWhenTheDeviceReturns) {
  LoseInLoadsOf(*device_, "a", absl::UnavailableError("the device is lost"));
  EXPECT_FALSE(Load(Request("a")).ok());
  device_->OnCompile(nullptr);
  device_->SetCompileStatus("a", absl::OkStatus());
  WaitForDevice(DeviceState::kReady);
  device_->SetOpenStatus(absl::UnavailableError("not plugged in"));
  device_->Lose();
  WaitForDevice(DeviceState::kLost);
  device_->WaitForOpenFailures(1);
  EXPECT_THAT(Listed(), ElementsAre(StartsWith("a UNAVAILABLE")));
  device_->SetOpenStatus(absl::OkStatus());
  WaitForState("a", "READY");
}

TEST_F(ModelManagerTest, AClientsModelThatHangsIsNotTriedAgain) {
  ModelManagerOptions options;
  options.device.compile_timeout = std::chrono::milliseconds(20);
  Restart(std::move(options));
  device_->Block("a");
  device_->OnAbandon([this] {
    device_->SetCompileStatus("a", WithLossKind(absl::UnavailableError("given up"), LossKind::kUnresponsive));
    device_->Unblock("a");
  });
  EXPECT_THAT(std::string(Message(Load(Request("a")))), HasSubstr("takes longer than 20 ms"));
  EXPECT_EQ(device_->compiles(), 1);
}

TEST_F(ModelManagerTest, NoModelIsReadyWhileTheDeviceIsAway) {
  ASSERT_TRUE(Load(Request("a")).ok());
  device_->SetOpenStatus(absl::UnavailableError("not plugged in"));
  device_->Lose();
  EXPECT_THAT(Listed(), ElementsAre(StartsWith("a LOADING: the device is lost: ")));
  EXPECT_EQ(manager_->device().restarts, 1);
  EXPECT_TRUE(manager_->List().at(0).loaded);
  EXPECT_NE(Route("a"), nullptr);
  device_->SetOpenStatus(absl::OkStatus());
  WaitForState("a", "READY");
  EXPECT_EQ(manager_->device().restarts, 1);
}

TEST_F(ModelManagerTest, AModelTwoOfWhoseRequestsTakeTheDeviceDownIsUnavailable) {
  ASSERT_TRUE(Load(Request("good")).ok());
  device_->SetMakeModel([](const ModelSource& source) -> std::unique_ptr<CompiledModel> {
    return std::make_unique<ThreadedModel>(1, 1, source.name == "bad" ? 1 : 0);
  });
  device_->SetLossOfFaults(LossKind::kCrash);
  ASSERT_TRUE(Load(Request("bad")).ok());
  EXPECT_EQ(Infer(Route("bad"), 1).get(), -1);
  WaitForState("bad", "READY");
  EXPECT_EQ(Infer(Route("bad"), 2).get(), -1);
  WaitForState("bad", "UNAVAILABLE");
  EXPECT_THAT(Listed()[0], AllOf(HasSubstr("bad UNAVAILABLE"), HasSubstr("two different requests")));
  EXPECT_EQ(Route("bad"), nullptr);
  EXPECT_EQ(Infer(Route("good"), 4).get(), 5);
  EXPECT_TRUE(Load(Request("bad")).ok()) << "a new call ends it";
}

TEST_F(ModelManagerTest, AModelThatComesWrongFromTheCacheIsCompiledAnew) {
  ASSERT_TRUE(Load(Request("a")).ok());
  device_->SetFromCache(true);
  device_->SetCanaryOffset(100);
  device_->OnCompile([this](const ModelSource& source) { device_->SetCanaryOffset(source.refresh_cache ? 0 : 100); });
  const int before = device_->compiles();
  device_->Lose();
  device_->WaitForCompiles(before + 2);
  WaitForState("a", "READY");
  EXPECT_EQ(Infer(Route("a"), 1).get(), 2);
}

TEST_F(ModelManagerTest, TheFirstReferenceIsOfACompileWithoutTheCache) {
  device_->SetFromCache(true);
  ASSERT_TRUE(Load(Request("a")).ok());
  EXPECT_EQ(device_->compiles(), 2);
  EXPECT_FALSE(Route("a")->info.from_cache);
}

TEST_F(ModelManagerTest, ACanaryAmongTheJobsFindsADeviceThatLies) {
  ModelManagerOptions options;
  options.device.canary_interval = std::chrono::milliseconds(1);
  Restart(std::move(options));
  ASSERT_TRUE(Load(Request("a")).ok());
  const ModelHandle model = Route("a");
  device_->WaitForOpens(3);  // ThreadedModel knows no canary: its answer is another than the reference.
  EXPECT_THAT(manager_->device().last_error, HasSubstr("computes something else than before: model \"a\""));
  EXPECT_EQ(model->last_used.load(), Time()) << "no request has used it";
}

TEST_F(ModelManagerTest, NothingIsAnsweredFromADeviceWhoseCanaryFails) {
  ASSERT_TRUE(Load(Request("a")).ok());
  device_->SetCanaryOffset(100);
  device_->Lose();
  device_->WaitForOpens(3);
  std::future<std::int64_t> answer = Infer(Route("a"), 1);
  EXPECT_NE(manager_->device().state, DeviceState::kStuck);
  device_->SetCanaryOffset(0);
  EXPECT_EQ(answer.get(), 2);
}

TEST_F(ModelManagerTest, AHangIsALossOfTheDevice) {
  ASSERT_TRUE(Load(Request("a")).ok());
  // What the scheduler does with a run that is over its bound.
  auto* hung = new ManualModel(1);
  device_->SetMakeModel([hung](const ModelSource&) { return std::unique_ptr<CompiledModel>(hung); });
  ASSERT_TRUE(Load(Request("b")).ok());
  device_->OnAbandon([hung] { hung->FailOne(absl::UnavailableError("given up")); });
  device_->SetMakeModel([](const ModelSource&) { return std::make_unique<ThreadedModel>(1, 10, 0); });
  EXPECT_EQ(Infer(Route("b"), 1).get(), 11);
  EXPECT_EQ(manager_->device().restarts, 1);
  EXPECT_THAT(manager_->device().last_error, HasSubstr("an inference of \"b\" takes longer than 100 ms"));
}

TEST_F(ModelManagerTest, ADeviceThatCannotBeFreedIsStuck) {
  ModelManagerOptions options;
  options.device.recovers_hangs = false;
  Restart(std::move(options));
  auto* hung = new ManualModel(1);
  device_->SetMakeModel([hung](const ModelSource&) { return std::unique_ptr<CompiledModel>(hung); });
  ASSERT_TRUE(Load(Request("a")).ok());
  EXPECT_EQ(Infer(Route("a"), 1).get(), -1);
  EXPECT_EQ(Infer(Route("a"), 1).get(), -1) << "answered at once";
  EXPECT_EQ(manager_->device().state, DeviceState::kStuck);
  hung->FailOne(absl::UnavailableError("too late"));
}

TEST_F(ModelManagerTest, ACompileThatHangsIsGivenUp) {
  ModelManagerOptions options;
  options.device.compile_timeout = std::chrono::milliseconds(50);
  Restart(std::move(options));
  device_->Block("a");
  device_->OnAbandon([this] {
    device_->SetCompileStatus("a", WithLossKind(absl::UnavailableError("given up"), LossKind::kUnresponsive));
    device_->SetProbeStatus(absl::UnavailableError("given up"));
    device_->Unblock("a");
  });
  const absl::Status status = Load(Request("a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(manager_->device().last_error, HasSubstr("loading model \"a\" takes longer than 50 ms"));
}

TEST_F(ModelManagerTest, ACallerWaitsForALoadUntilItsDeadline) {
  device_->SetOpenStatus(absl::UnavailableError("no such device"));
  Restart();
  device_->WaitForOpens(2);
  LoadRequest request = Request("a");
  request.deadline = Clock::Steady().Now() + std::chrono::milliseconds(20);
  const absl::Status status = Load(std::move(request));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("the device is not there: no such device"));
  EXPECT_NE(RetryAfter(status), std::nullopt);
  EXPECT_THAT(Listed(), ElementsAre("a LOADING: the device is not there: no such device"));
  device_->SetOpenStatus(absl::OkStatus());
  EXPECT_TRUE(Load(Request("a")).ok());
}

TEST_F(ModelManagerTest, RefusedLoadsAreAnsweredAtOnce) {
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(Request("a"), completion);
  device_->WaitForCompiles(1);
  manager_->RefuseLoads(absl::UnavailableError("the service is shutting down"));
  EXPECT_EQ(completion.Wait().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Load(Request("b")).code(), absl::StatusCode::kUnavailable);
  device_->Unblock("a");
}

TEST_F(ModelManagerTest, JobsOfAModelThatCannotComeBackAreRefused) {
  ASSERT_TRUE(Load(Request("a")).ok());
  const ModelHandle model = Route("a");
  device_->SetCompileStatus("a", absl::NotFoundError("its file is gone"));
  device_->Lose();
  WaitForState("a", "UNAVAILABLE");
  EXPECT_THAT(Listed(), ElementsAre("a UNAVAILABLE: its file is gone"));
  device_->SetOpenStatus(absl::UnavailableError("gone"));
}

TEST_F(ModelManagerTest, TheLeastRecentlyUsedModelComesBackLast) {
  ASSERT_TRUE(Load(Request("a")).ok());
  ASSERT_TRUE(Load(Request("b")).ok());
  Infer(Route("a"), 1).get();
  Infer(Route("b"), 1).get();
  std::vector<std::string> order;
  device_->OnCompile([&order](const ModelSource& source) { order.push_back(source.name); });
  const int before = device_->compiles();
  device_->Lose();
  device_->WaitForCompiles(before + 2);
  WaitForState("a", "READY");
  manager_.reset();
  EXPECT_THAT(order, ElementsAre("b", "a"));
}

}  // namespace
}  // namespace accelerd
