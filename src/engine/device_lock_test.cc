#include "engine/device_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ExclusiveDevicesTest, SeesThroughCombinations) {
  EXPECT_THAT(ExclusiveDevices("CPU"), IsEmpty());
  EXPECT_THAT(ExclusiveDevices("BATCH:CPU(4)"), IsEmpty());
  EXPECT_THAT(ExclusiveDevices("AUTO"), IsEmpty());
  EXPECT_THAT(ExclusiveDevices("MYRIAD"), ElementsAre("MYRIAD"));
  EXPECT_THAT(ExclusiveDevices("BATCH:MYRIAD(4)"), ElementsAre("MYRIAD"));
  EXPECT_THAT(ExclusiveDevices("MULTI:NPU,MYRIAD.1.2-ma2480,CPU,NPU"), ElementsAre("MYRIAD.1.2-ma2480", "NPU"));
  EXPECT_THAT(ExclusiveDevices("SIMULATED:/tmp/a,b"), ElementsAre("SIMULATED:/tmp/a,b"));
}

class DeviceLockTest : public ::testing::Test {
 protected:
  DeviceLockTest() {
    std::string pattern = ::testing::TempDir() + "/lock-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~DeviceLockTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(DeviceLockTest, OneOwnerWhoIsNamed) {
  std::optional<DeviceLock> first = DeviceLock::Acquire(directory_, "MYRIAD", "process 1 at unix:/a").value();
  const absl::Status second = DeviceLock::Acquire(directory_, "MYRIAD", "process 2").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.message()), HasSubstr("process 1 at unix:/a"));
  EXPECT_TRUE(DeviceLock::Acquire(directory_, "NPU", "process 2").ok());
  first.reset();
  EXPECT_TRUE(DeviceLock::Acquire(directory_, "MYRIAD", "process 2").ok());
}

TEST_F(DeviceLockTest, NamesThatDifferInPunctuationAreOtherDevices) {
  const DeviceLock first = DeviceLock::Acquire(directory_, "SIMULATED:/a/b", "one").value();
  EXPECT_TRUE(DeviceLock::Acquire(directory_, "SIMULATED:/a_b", "two").ok());
}

TEST_F(DeviceLockTest, WhoInheritsTheDescriptorHoldsIt) {
  std::optional<DeviceLock> lock = DeviceLock::Acquire(directory_, "MYRIAD", "one").value();
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(gate[1]);
    char end;
    _exit(static_cast<int>(read(gate[0], &end, 1)));
  }
  lock.reset();
  EXPECT_FALSE(DeviceLock::Acquire(directory_, "MYRIAD", "two").ok());
  close(gate[1]);
  close(gate[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(DeviceLock::Acquire(directory_, "MYRIAD", "two").ok());
}

TEST_F(DeviceLockTest, SaysWhatToDoWithoutADirectory) {
  const absl::Status status = DeviceLock::Acquire(directory_ + "/missing", "MYRIAD", "one").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--lock-dir"));
}

}  // namespace
}  // namespace accelerd
