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

using ::testing::HasSubstr;
using ::testing::Not;

class DeviceLockTest : public ::testing::Test {
 protected:
  DeviceLockTest() {
    std::string pattern = ::testing::TempDir() + "/lock-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~DeviceLockTest() override { std::filesystem::remove_all(directory_); }

  absl::StatusOr<DeviceLock> Acquire(std::string_view device, std::string_view owner = "one") {
    return DeviceLock::Acquire(directory_, DeviceKeysOf(device), owner);
  }

  std::string directory_;
};

TEST_F(DeviceLockTest, OneOwnerWhoIsNamed) {
  std::optional<DeviceLock> first = Acquire("MYRIAD", "process 1 at unix:/a").value();
  const absl::Status second = Acquire("MYRIAD", "process 2").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.message()), HasSubstr("process 1 at unix:/a"));
  EXPECT_TRUE(Acquire("NPU", "process 2").ok());
  first.reset();
  EXPECT_TRUE(Acquire("MYRIAD", "process 2").ok());
}

TEST_F(DeviceLockTest, NamesThatDifferInPunctuationAreOtherDevices) {
  const DeviceLock first = Acquire("SIMULATED:/a/b", "one").value();
  EXPECT_TRUE(Acquire("SIMULATED:/a_b", "two").ok());
}

TEST_F(DeviceLockTest, TwoDevicesOfAFamilyHaveTwoOwners) {
  const DeviceLock first = Acquire("GPU.0", "process 1 at unix:/a").value();
  const DeviceLock second = Acquire("BATCH:GPU.1(4)", "process 1 at unix:/b").value();
  for (const std::string_view device : {"GPU", "AUTO", "MULTI:GPU,CPU"}) {
    const absl::Status third = Acquire(device).status();
    EXPECT_EQ(third.code(), absl::StatusCode::kAlreadyExists) << device;
    EXPECT_THAT(std::string(third.message()), HasSubstr("process 1 at unix:/a, process 1 at unix:/b")) << device;
  }
}

TEST_F(DeviceLockTest, WhoHasTheFamilyHasEveryDeviceOfIt) {
  std::optional<DeviceLock> first = Acquire("GPU", "process 1 at unix:/a").value();
  const absl::Status second = Acquire("GPU.1").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.message()), HasSubstr("device GPU is owned by process 1 at unix:/a"));
  EXPECT_TRUE(Acquire("NPU").ok());
  first.reset();
  EXPECT_TRUE(Acquire("GPU.1").ok());
  first = Acquire("AUTO", "process 1 at unix:/c").value();
  EXPECT_THAT(std::string(Acquire("NPU").status().message()),
              HasSubstr("device AUTO is owned by process 1 at unix:/c"));
}

TEST_F(DeviceLockTest, TakesAllOrNothing) {
  const DeviceLock first = Acquire("NPU").value();
  EXPECT_FALSE(Acquire("MULTI:GPU,NPU").ok());
  EXPECT_TRUE(Acquire("GPU").ok()) << "what was refused holds nothing";
}

TEST_F(DeviceLockTest, NamesOfThoseWhoEndedAreLeftOut) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(Acquire("GPU.0", "process " + std::to_string(child) + " at unix:/dead").ok());
  const DeviceLock lock = Acquire("GPU.1", "process 1 at unix:/alive").value();
  const std::string message(Acquire("GPU").status().message());
  EXPECT_THAT(message, HasSubstr("process 1 at unix:/alive"));
  EXPECT_THAT(message, Not(HasSubstr("dead")));
}

TEST_F(DeviceLockTest, NamesDoNotPileUp) {
  const std::string owner = "process 1 at " + std::string(1000, 'x');
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Acquire("GPU.0", owner).ok());
  }
  EXPECT_LE(std::filesystem::file_size(directory_ + "/accelerd-GPU"), 64 << 10);
  EXPECT_EQ(std::filesystem::file_size(directory_ + "/accelerd-AUTO"),
            std::filesystem::file_size(directory_ + "/accelerd-GPU"));
}

TEST_F(DeviceLockTest, WhoInheritsTheDescriptorHoldsIt) {
  std::optional<DeviceLock> lock = Acquire("MYRIAD", "one").value();
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(gate[1]);
    char end;
    _exit(static_cast<int>(read(gate[0], &end, 1)));
  }
  lock.reset();
  EXPECT_FALSE(Acquire("MYRIAD", "two").ok());
  close(gate[1]);
  close(gate[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(Acquire("MYRIAD", "two").ok());
}

TEST_F(DeviceLockTest, SaysWhatToDoWithoutADirectory) {
  const absl::Status status = DeviceLock::Acquire(directory_ + "/missing", DeviceKeysOf("MYRIAD"), "one").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--lock-dir"));
}

}  // namespace
}  // namespace accelerd
