#include "engine/next_action.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::seconds;

constexpr DeviceId kDevice{0};
const Time kNow = Time(seconds(100));

class NextActionTest : public testing::Test {
 protected:
  NextActionTest() { snapshot_.state = DeviceState::kReady; }

  ModelGeneration Want(const std::string& name) {
    return wanted_
        .Put(name, ModelFiles{.main = "/" + name + ".xml", .format = ModelFormat::kOpenvinoIr, .card = {}}, false)
        .generation;
  }
  void Place(ModelGeneration model, PlacementState state, bool referenced = true) {
    snapshot_.placements[model] = {.state = state, .referenced = referenced};
  }
  Step Next() const { return NextAction(wanted_, snapshot_, kDevice, kNow); }

  /// The step's kind and model in one word, such as "compile 1".
  std::string NextText() const {
    struct ToText {
      std::string operator()(const OpenStep&) const { return "open"; }
      std::string operator()(const CompileStep& step) const { return "compile " + Number(step.generation); }
      std::string operator()(const WithdrawStep& step) const { return "withdraw " + Number(step.generation); }
      std::string operator()(const DestroyStep& step) const { return "destroy " + Number(step.generation); }
      std::string operator()(const ProbeStep&) const { return "probe"; }
      std::string operator()(const CanaryStep&) const { return "canary"; }
      std::string operator()(const WaitStep& step) const { return step.until ? "wait until" : "wait"; }
      static std::string Number(ModelGeneration model) { return std::to_string(static_cast<std::uint64_t>(model)); }
    };
    return std::visit(ToText(), Next());
  }

  WantedSet wanted_;
  DeviceSnapshot snapshot_;
};

TEST_F(NextActionTest, WaitsWhenEverythingIsAsWanted) {
  EXPECT_EQ(NextText(), "wait");
  Place(Want("a"), PlacementState::kReady);
  EXPECT_EQ(NextText(), "wait");
}

TEST_F(NextActionTest, CompilesInTheOrderOfTheCalls) {
  Want("z");
  Want("a");
  const Step step = Next();
  ASSERT_TRUE(std::holds_alternative<CompileStep>(step));
  EXPECT_EQ(std::get<CompileStep>(step).name, "z");
  EXPECT_EQ(std::get<CompileStep>(step).files.main, "/z.xml");
}

TEST_F(NextActionTest, OpensBeforeItCompiles) {
  Want("a");
  snapshot_.state = DeviceState::kOpening;
  EXPECT_EQ(NextText(), "open");
  snapshot_.open_after = kNow + seconds(1);
  EXPECT_EQ(NextText(), "wait until");
  snapshot_.open_after = kNow;
  EXPECT_EQ(NextText(), "open");
}

TEST_F(NextActionTest, ALoadedModelLeavesWhenNobodyHoldsIt) {
  const ModelGeneration model = Want("a");
  wanted_.Erase("a");
  Place(model, PlacementState::kReady);
  EXPECT_EQ(NextText(), "wait") << "requests hold it";
  Place(model, PlacementState::kReady, false);
  EXPECT_EQ(NextText(), "withdraw 1");
  Place(model, PlacementState::kUnloading, false);
  EXPECT_EQ(NextText(), "wait") << "a run goes on";
  Place(model, PlacementState::kReleased, false);
  EXPECT_EQ(NextText(), "destroy 1");
}

TEST_F(NextActionTest, ANewGenerationComesBesideTheOneThatStillServes) {
  const ModelGeneration old = Want("a");
  wanted_.Erase("a");
  Place(old, PlacementState::kReady);
  Want("a");
  EXPECT_EQ(NextText(), "compile 2");
}

TEST_F(NextActionTest, AReplacementComesAfterTheModelsAndBeforeThoseThatLoseTheDevice) {
  const ModelGeneration serving = Want("a");
  Place(serving, PlacementState::kReady);
  wanted_.PutReplacement("a", ModelFiles{.main = "/a.xml", .format = ModelFormat::kOpenvinoIr, .card = {}});
  const ModelGeneration other = Want("b");
  const ModelGeneration suspect = Want("c");
  wanted_.Find(suspect)->lost_loads = 1;
  EXPECT_EQ(NextText(), "compile 3");
  Place(other, PlacementState::kReady);
  EXPECT_EQ(NextText(), "compile 2");
  Place(ModelGeneration{2}, PlacementState::kReady);
  EXPECT_EQ(NextText(), "compile 4");
}

TEST_F(NextActionTest, AModelThatIsHeldIsNotLoaded) {
  wanted_.Find(Want("a"))->held = true;
  EXPECT_EQ(NextText(), "wait");
  snapshot_.state = DeviceState::kLost;
  EXPECT_EQ(NextText(), "open");
  snapshot_.state = DeviceState::kReady;
  Want("a");
  EXPECT_EQ(NextText(), "compile 2");
}

TEST_F(NextActionTest, TheLastOneUsedComesFirstAndASuspectLastAndAlone) {
  const ModelGeneration suspect = Want("a");
  const ModelGeneration seldom = Want("b");
  const ModelGeneration often = Want("c");
  wanted_.Find(suspect)->lost_loads = 1;
  wanted_.Find(suspect)->last_used = kNow;
  wanted_.Find(seldom)->last_used = kNow - seconds(60);
  wanted_.Find(often)->last_used = kNow - seconds(1);
  EXPECT_EQ(NextText(), "compile 3");
  EXPECT_FALSE(std::get<CompileStep>(Next()).alone);
  Place(often, PlacementState::kReady);
  EXPECT_EQ(NextText(), "compile 2");
  Place(seldom, PlacementState::kReady);
  EXPECT_EQ(NextText(), "compile 1");
  EXPECT_TRUE(std::get<CompileStep>(Next()).alone);
}

TEST_F(NextActionTest, ChecksTheDeviceWhenThereIsNothingElseToDo) {
  snapshot_.probe_at = kNow + seconds(1);
  snapshot_.canary_at = kNow + seconds(2);
  EXPECT_EQ(std::get<WaitStep>(Next()).until, kNow + seconds(1));
  snapshot_.canary_at = kNow;
  EXPECT_EQ(NextText(), "canary");
  snapshot_.probe_at = kNow;
  EXPECT_EQ(NextText(), "probe");
  Want("a");
  EXPECT_EQ(NextText(), "compile 1");
}

TEST_F(NextActionTest, AStuckDeviceIsLeftAloneUntilTheEnd) {
  Place(Want("a"), PlacementState::kReady);
  snapshot_.state = DeviceState::kStuck;
  EXPECT_EQ(NextText(), "wait");
  snapshot_.closing = true;
  EXPECT_EQ(NextText(), "withdraw 1");
}

TEST_F(NextActionTest, ALostDeviceIsEmptiedBeforeItIsOpened) {
  const ModelGeneration model = Want("a");
  snapshot_.state = DeviceState::kLost;
  Place(model, PlacementState::kReady);
  EXPECT_EQ(NextText(), "withdraw 1");
  Place(model, PlacementState::kUnloading);
  EXPECT_EQ(NextText(), "wait");
  Place(model, PlacementState::kReleased);
  EXPECT_EQ(NextText(), "destroy 1");
  snapshot_.placements.clear();
  EXPECT_EQ(NextText(), "open");
  snapshot_.state = DeviceState::kReady;
  EXPECT_EQ(NextText(), "compile 1");
}

TEST_F(NextActionTest, ClosingRemovesEverythingAndStartsNothing) {
  const ModelGeneration ready = Want("a");
  Want("b");
  snapshot_.closing = true;
  Place(ready, PlacementState::kReady);
  EXPECT_EQ(NextText(), "withdraw 1");
  snapshot_.placements.erase(ready);
  EXPECT_EQ(NextText(), "wait");
  snapshot_.state = DeviceState::kOpening;
  EXPECT_EQ(NextText(), "wait");
}

}  // namespace
}  // namespace accelerd
