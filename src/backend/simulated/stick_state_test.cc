#include "backend/simulated/stick_state.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

Fault RunFault(FaultKind kind) {
  return {.kind = kind, .stage = FaultStage::kRun};
}

/// Whether `kind` strikes the next inference of `model`.
bool Strikes(StickState& state, FaultKind kind, std::string_view model = "any", double now = 0) {
  return StrikeStick(state, FaultStage::kRun, model, now).Has(kind);
}

TEST(StickFaults, StrikeAsOftenAsTheyCount) {
  StickState state;
  state.faults = {RunFault(FaultKind::kHang)};
  state.faults[0].count = 2;
  EXPECT_TRUE(Strikes(state, FaultKind::kHang));
  EXPECT_TRUE(Strikes(state, FaultKind::kHang));
  EXPECT_FALSE(Strikes(state, FaultKind::kHang));
  EXPECT_TRUE(state.faults.empty());
  EXPECT_EQ(state.counters.faults, 2);

  state.faults = {RunFault(FaultKind::kHang)};
  state.faults[0].count = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(Strikes(state, FaultKind::kHang));
  }
}

TEST(StickFaults, LetEventsOfTheirModelPassFirst) {
  StickState state;
  state.faults = {RunFault(FaultKind::kError)};
  state.faults[0].after = 2;
  state.faults[0].model = "face";
  std::string struck;
  for (const char* model : {"face", "other", "face", "other", "face", "face"}) {
    struck += Strikes(state, FaultKind::kError, model) ? 'x' : '.';
  }
  EXPECT_EQ(struck, "....x.");
}

TEST(StickFaults, WaitForTheirTimeAndStage) {
  StickState state;
  state.faults = {RunFault(FaultKind::kError)};
  state.faults[0].at = 100;
  EXPECT_FALSE(Strikes(state, FaultKind::kError, "any", 99.9));
  EXPECT_FALSE(StrikeStick(state, FaultStage::kLoad, "any", 101).kinds.any());
  EXPECT_TRUE(Strikes(state, FaultKind::kError, "any", 100));
}

TEST(StickFaults, OfDifferentKindsStrikeTogetherOthersInTurn) {
  StickState state;
  state.faults = {RunFault(FaultKind::kSlow), RunFault(FaultKind::kError), RunFault(FaultKind::kError)};
  state.faults[0].factor = 7;
  const FaultEffects first = StrikeStick(state, FaultStage::kRun, "any", 0);
  EXPECT_EQ(first.slow, 7);
  EXPECT_TRUE(first.Has(FaultKind::kError));
  const FaultEffects second = StrikeStick(state, FaultStage::kRun, "any", 0);
  EXPECT_EQ(second.slow, 1);
  EXPECT_TRUE(second.Has(FaultKind::kError));
  EXPECT_FALSE(Strikes(state, FaultKind::kError));
}

TEST(StickFaults, CrashOnlyWhereItIsAllowed) {
  StickState state;
  state.faults = {RunFault(FaultKind::kCrash), RunFault(FaultKind::kScribble)};
  EXPECT_FALSE(StrikeStick(state, FaultStage::kRun, "any", 0).kinds.any());
  state.settings.allow_process_crash = true;
  EXPECT_EQ(StrikeStick(state, FaultStage::kRun, "any", 0).kinds.count(), 2);
}

TEST(StickFaults, UnplugTheStickDuringAnEvent) {
  StickState state;
  state.faults = {RunFault(FaultKind::kUnplug)};
  EXPECT_TRUE(Strikes(state, FaultKind::kUnplug));
  EXPECT_FALSE(state.present);
  EXPECT_EQ(state.counters.unplugs, 1);
}

TEST(StickState, CarriesOutItsScheduleInOrder) {
  StickState state;
  state.faults = {{.kind = FaultKind::kReplug, .stage = FaultStage::kNow, .at = 20},
                  {.kind = FaultKind::kUnplug, .stage = FaultStage::kNow, .at = 10},
                  {.kind = FaultKind::kUnplug, .stage = FaultStage::kNow, .at = 30}};
  EXPECT_FALSE(ApplySchedule(state, 9));
  EXPECT_TRUE(ApplySchedule(state, 25));  // Nobody looked in between.
  EXPECT_TRUE(state.present);
  EXPECT_EQ(state.counters.unplugs, 1);
  EXPECT_TRUE(ApplySchedule(state, 30));
  EXPECT_FALSE(state.present);
  EXPECT_TRUE(state.faults.empty());
}

TEST(StickState, IsWrittenAndRead) {
  StickState state;
  state.present = false;
  state.owner = 1234;
  ASSERT_TRUE(SetStickSetting(state.settings, "latency", "uniform:4ms,6ms").ok());
  ASSERT_TRUE(SetStickSetting(state.settings, "slots", "7").ok());
  ASSERT_TRUE(SetStickSetting(state.settings, "device_memory", "1000000").ok());
  ASSERT_TRUE(SetStickSetting(state.settings, "allow_process_crash", "true").ok());
  state.faults = {
      {.kind = FaultKind::kOutOfMemory, .stage = FaultStage::kLoad, .model = "fäce \"1\"", .after = 3},
      {.kind = FaultKind::kSlow, .stage = FaultStage::kOpen, .at = 1700000000.25, .count = 0, .factor = 2.5}};
  state.counters = {1, 2, 3, 4, 5};
  const std::string text = StickStateToJson(state);
  const absl::StatusOr<StickState> read = ParseStickState(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(StickStateToJson(*read), text);
  EXPECT_EQ(read->owner, 1234);
  EXPECT_EQ(read->settings.slots, 7);
  EXPECT_EQ(read->settings.device_memory, 1000000);
  EXPECT_TRUE(read->settings.allow_process_crash);
  EXPECT_EQ(read->faults[0].model, "fäce \"1\"");
  EXPECT_EQ(read->faults[1].at, 1700000000.25);
  EXPECT_EQ(read->faults[1].factor, 2.5);
  EXPECT_EQ(read->counters.unplugs, 4);
}

TEST(StickState, HasDefaultsForWhatIsNotThere) {
  const absl::StatusOr<StickState> state = ParseStickState(R"({"settings": {"latency": 0}})");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(state->present);
  EXPECT_EQ(state->settings.latency.ToString(), "0");
  EXPECT_EQ(state->settings.slots, 4);
}

TEST(StickState, SaysWhatIsWrongInItsFile) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "\"state\""},
      {R"({"presnet": true})", "presnet"},
      {R"({"present": 1})", "present"},
      {R"({"owner": -1})", "owner"},
      {R"({"owner": 99999999999})", "owner"},
      {R"({"settings": {"slots": 0}})", "slots"},
      {R"({"settings": {"slots": 1.5}})", "slots"},
      {R"({"settings": {"speed": 1}})", "the settings are latency"},
      {R"({"settings": {"allow_process_crash": "yes"}})", "allow_process_crash"},
      {R"({"counters": {"runs": "many"}})", "runs"},
      {R"({"counters": {"walks": 1}})", "walks"},
      {R"({"faults": {}})", "faults"},
      {R"({"faults": [{"kind": "hang"}]})", "during"},
      {R"({"faults": [{"kind": "burn", "during": "run"}]})", "the faults are unplug"},
      {R"({"faults": [{"kind": "hang", "during": "lunch"}]})", "lunch"},
      {R"({"faults": [{"kind": "replug", "during": "run"}]})", "replug cannot strike"},
      {R"({"faults": [{"kind": "hang", "during": "open", "model": "x"}]})", "a fault of one model"},
      {R"({"faults": [{"kind": "unplug", "during": "now", "count": 2}]})", "strikes once"},
      {R"({"faults": [{"kind": "slow", "during": "run", "factor": 0}]})", "factor"},
      {R"({"faults": [{"kind": "slow", "during": "run", "at": -1}]})", "time"}};
  for (const auto& [text, message] : cases) {
    const absl::Status status = ParseStickState(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(Message(status)), HasSubstr(message)) << text;
  }
}

}  // namespace
}  // namespace accelerd
