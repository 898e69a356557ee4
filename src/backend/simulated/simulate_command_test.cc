#include "backend/simulated/simulate_command.h"

#include <filesystem>
#include <vector>

#include "backend/simulated/stick_file.h"
#include "backend/test_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

class SimulateCommandTest : public testing::Test {
 protected:
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), path_);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = RunSimulateCommand(arguments);
    output_ = testing::internal::GetCapturedStdout();
    error_ = testing::internal::GetCapturedStderr();
    return code;
  }

  StickState State() { return *StickFile(path_).Read(); }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "stick.json";
  std::string output_;
  std::string error_;
};

TEST_F(SimulateCommandTest, SetsSettings) {
  EXPECT_EQ(Run({"set", "latency=normal:5ms,1ms", "slots=2"}), 0) << error_;
  EXPECT_EQ(State().settings.latency.ToString(), "normal:5ms,1ms");
  EXPECT_EQ(State().settings.slots, 2);
  EXPECT_EQ(State().settings.load_time, Duration(0));
  EXPECT_EQ(Run({"set", "load_time=1s", "slots=0"}), 2);
  EXPECT_THAT(error_, HasSubstr("slots"));
  EXPECT_EQ(State().settings.load_time, Duration(0));
}

TEST_F(SimulateCommandTest, UnplugsAndReplugs) {
  EXPECT_EQ(Run({"unplug"}), 0);
  EXPECT_FALSE(State().present);
  EXPECT_EQ(Run({"replug"}), 0);
  EXPECT_TRUE(State().present);
  EXPECT_EQ(State().counters.unplugs, 1);
}

TEST_F(SimulateCommandTest, AddsFaults) {
  EXPECT_EQ(Run({"fault", "hang", "--after-runs", "3", "--model", "face", "--count", "2"}), 0) << error_;
  EXPECT_EQ(Run({"fault", "unplug", "--in", "10s"}), 0) << error_;
  EXPECT_EQ(Run({"fault", "unplug", "--after-runs", "5"}), 0) << error_;
  EXPECT_EQ(Run({"fault", "slow", "--during", "open", "--factor", "4", "--count", "0"}), 0) << error_;
  const std::vector<Fault> faults = State().faults;
  ASSERT_EQ(faults.size(), 4);
  EXPECT_EQ(faults[0].stage, FaultStage::kRun);
  EXPECT_EQ(faults[0].after, 3);
  EXPECT_EQ(faults[0].model, "face");
  EXPECT_EQ(faults[0].count, 2);
  EXPECT_EQ(faults[1].stage, FaultStage::kNow);
  EXPECT_NEAR(faults[1].at - WallClockSeconds(), 10, 9);
  EXPECT_EQ(faults[2].stage, FaultStage::kRun);
  EXPECT_EQ(faults[3].factor, 4);
  EXPECT_EQ(faults[3].count, 0);
  EXPECT_EQ(Run({"clear"}), 0);
  EXPECT_TRUE(State().faults.empty());
}

TEST_F(SimulateCommandTest, WantsCrashesToBeAllowed) {
  EXPECT_EQ(Run({"fault", "crash"}), 1);
  EXPECT_THAT(error_, HasSubstr("allow_process_crash=true"));
  EXPECT_TRUE(State().faults.empty());
  EXPECT_EQ(Run({"set", "allow_process_crash=true"}), 0);
  EXPECT_EQ(Run({"fault", "crash"}), 0);
  EXPECT_EQ(State().faults.size(), 1);
}

TEST_F(SimulateCommandTest, Shows) {
  EXPECT_EQ(Run({}), 0);
  EXPECT_THAT(output_, HasSubstr("plugged in, owned by nobody"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(Run({"fault", "hang", "--after-runs", "3"}), 0);
  const auto ownership = StickFile(path_).Own();
  EXPECT_EQ(Run({"show"}), 0);
  EXPECT_THAT(output_, HasSubstr("owned by process"));
  EXPECT_THAT(output_, HasSubstr("hang, during run, after 3 more"));
  EXPECT_EQ(Run({"show", "--json"}), 0);
  EXPECT_THAT(output_, HasSubstr("\"owned\": true"));
  EXPECT_THAT(output_, HasSubstr("\"kind\": \"hang\""));
}

TEST_F(SimulateCommandTest, ResetsButTheCountOfUnplugs) {
  EXPECT_EQ(Run({"set", "slots=9"}), 0);
  EXPECT_EQ(Run({"fault", "hang"}), 0);
  EXPECT_EQ(Run({"unplug"}), 0);
  EXPECT_EQ(Run({"reset"}), 0);
  EXPECT_TRUE(State().present);
  EXPECT_TRUE(State().faults.empty());
  EXPECT_EQ(State().settings.slots, 4);
  EXPECT_EQ(State().counters.unplugs, 1);
}

TEST_F(SimulateCommandTest, RefusesWhatItDoesNotKnow) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"explode"},
                                             {"set"},
                                             {"set", "slots"},
                                             {"set", "weight=3"},
                                             {"fault"},
                                             {"fault", "burn"},
                                             {"fault", "hang", "--during", "lunch"},
                                             {"fault", "replug", "--during", "run"},
                                             {"fault", "hang", "--in", "soon"},
                                             {"fault", "hang", "--after-runs", "-1"},
                                             {"unplug", "now"},
                                             {"show", "--count", "1"},
                                             {"show", "--json=yes"},
                                             {"fault", "hang", "--count"},
                                             {"--loud"}}) {
    EXPECT_EQ(Run(arguments), 2) << testing::PrintToString(arguments);
    EXPECT_THAT(error_, HasSubstr("accelerd: "));
  }
  EXPECT_EQ(RunSimulateCommand({}), 2);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SimulateCommandTest, HelpsAndFails) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("out-of-memory"));
  EXPECT_EQ(RunSimulateCommand(std::vector<std::string>{directory_ / "absent/stick.json", "unplug"}), 1);
}

}  // namespace
}  // namespace accelerd
