#include "engine/device_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "fmt/core.h"
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

  /// `place` is where this process says that it serves.
  absl::StatusOr<DeviceLock> Acquire(std::string_view device, std::string_view place = "unix:/here") {
    return DeviceLock::Acquire(directory_, DeviceKeysOf(device), fmt::format("process {} at {}", getpid(), place));
  }

  std::string Refusal(std::string_view device) {
    const absl::Status status = Acquire(device).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << device << ": " << status;
    return std::string(status.message());
  }

  /// Runs `hold` in another process, and lets that wait until the object is gone.
  class Elsewhere {
   public:
    explicit Elsewhere(const std::function<void()>& hold) {
      std::array<int, 2> begun{};
      std::array<int, 2> ended{};
      EXPECT_EQ(pipe(begun.data()) + pipe(ended.data()), 0);
      process_ = fork();
      if (process_ == 0) {
        close(ended[1]);
        hold();
        close(begun[1]);
        char byte = 0;
        _exit(static_cast<int>(read(ended[0], &byte, 1)));
      }
      close(begun[1]);
      close(ended[0]);
      char byte = 0;
      EXPECT_EQ(read(begun[0], &byte, 1), 0);
      close(begun[0]);
      end_ = UniqueFd(ended[1]);
    }
    ~Elsewhere() {
      end_ = UniqueFd();
      waitpid(process_, nullptr, 0);
    }
    Elsewhere(const Elsewhere&) = delete;
    Elsewhere& operator=(const Elsewhere&) = delete;

    pid_t process() const { return process_; }

   private:
    pid_t process_ = 0;
    UniqueFd end_;
  };

  /// Another process that owns the device.
  std::unique_ptr<Elsewhere> OwnElsewhere(std::string_view device, std::string_view place) {
    return std::make_unique<Elsewhere>([this, device, place] { new DeviceLock(Acquire(device, place).value()); });
  }

  std::string directory_;
};

TEST_F(DeviceLockTest, OneOwnerWhoIsNamed) {
  std::unique_ptr<Elsewhere> first = OwnElsewhere("MYRIAD", "unix:/a");
  EXPECT_THAT(Refusal("MYRIAD"), HasSubstr(fmt::format("owned by process {} at unix:/a (", first->process())));
  EXPECT_TRUE(Acquire("NPU").ok());
  first.reset();
  EXPECT_TRUE(Acquire("MYRIAD").ok());
}

TEST_F(DeviceLockTest, NamesThatDifferInPunctuationAreOtherDevices) {
  const DeviceLock first = Acquire("SIMULATED:/a/b").value();
  EXPECT_TRUE(Acquire("SIMULATED:/a_b").ok());
}

TEST_F(DeviceLockTest, TwoDevicesOfAFamilyHaveTwoOwners) {
  const auto first = OwnElsewhere("GPU.0", "unix:/a");
  const auto second = OwnElsewhere("BATCH:GPU.1(4)", "unix:/b");
  for (const std::string_view device : {"GPU", "AUTO", "MULTI:GPU,CPU"}) {
    const std::string refusal = Refusal(device);
    EXPECT_THAT(refusal, HasSubstr(fmt::format("process {} at unix:/a", first->process()))) << device;
    EXPECT_THAT(refusal, HasSubstr(fmt::format("process {} at unix:/b", second->process()))) << device;
  }
}

TEST_F(DeviceLockTest, WhoHasTheFamilyHasEveryDeviceOfIt) {
  auto first = OwnElsewhere("GPU", "unix:/a");
  EXPECT_THAT(Refusal("GPU.1"),
              HasSubstr(fmt::format("device GPU is owned by process {} at unix:/a", first->process())));
  EXPECT_TRUE(Acquire("NPU").ok());
  first.reset();
  EXPECT_TRUE(Acquire("GPU.1").ok());
  first = OwnElsewhere("AUTO", "unix:/c");
  EXPECT_THAT(Refusal("NPU"),
              HasSubstr(fmt::format("device AUTO is owned by process {} at unix:/c", first->process())));
}

TEST_F(DeviceLockTest, TakesAllOrNothing) {
  const DeviceLock first = Acquire("NPU").value();
  EXPECT_FALSE(Acquire("MULTI:GPU,NPU").ok());
  EXPECT_TRUE(Acquire("GPU").ok()) << "what was refused holds nothing";
}

TEST_F(DeviceLockTest, NamesOfThoseWhoEndedAreLeftOut) {
  OwnElsewhere("GPU.0", "unix:/dead").reset();
  const auto alive = OwnElsewhere("GPU.1", "unix:/alive");
  const std::string message = Refusal("GPU");
  EXPECT_THAT(message, HasSubstr("unix:/alive"));
  EXPECT_THAT(message, Not(HasSubstr("dead")));
}

TEST_F(DeviceLockTest, WhoHoldsItWithoutSayingSoIsNamedAndNobodyElse) {
  ASSERT_TRUE(Acquire("NPU", "unix:/a").ok());  // The file names this process, which lives, but holds it no more.
  const std::string path = directory_ + "/accelerd-NPU";
  const Elsewhere stranger([&] { flock(open(path.c_str(), O_RDONLY | O_CLOEXEC), LOCK_EX); });
  EXPECT_THAT(Refusal("NPU"),
              HasSubstr(fmt::format("owned by process {} (engine_test, user {})", stranger.process(), geteuid())));
  EXPECT_THAT(Refusal("NPU"), Not(HasSubstr("unix:/a")));
}

TEST_F(DeviceLockTest, AnHeirIsToldFromWhoLeftItTheLock) {
  std::array<int, 2> gate{};
  ASSERT_EQ(pipe(gate.data()), 0);
  const pid_t taker = fork();
  if (taker == 0) {
    new DeviceLock(Acquire("NPU", "unix:/a").value());
    if (fork() == 0) {
      close(gate[1]);
      char byte = 0;
      _exit(static_cast<int>(read(gate[0], &byte, 1)));
    }
    _exit(0);
  }
  ASSERT_EQ(waitpid(taker, nullptr, 0), taker);
  EXPECT_THAT(Refusal("NPU"),
              HasSubstr(fmt::format("process {} at unix:/a, which has ended and left the lock", taker)));
  close(gate[0]);
  close(gate[1]);
}

TEST_F(DeviceLockTest, WhatIsNoLockIsLeftAlone) {
  const std::string path = directory_ + "/accelerd-NPU";
  const std::string other = directory_ + "/other";
  std::ofstream(other) << "precious";
  const auto refusal = [&] {
    const absl::Status status = Acquire("NPU").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    std::filesystem::remove_all(path);
    std::string contents;
    std::getline(std::ifstream(other), contents);
    EXPECT_EQ(contents, "precious");
    return std::string(status.message());
  };
  std::filesystem::create_hard_link(other, path);
  EXPECT_THAT(refusal(), HasSubstr("hard link"));
  std::filesystem::create_symlink(other, path);
  EXPECT_THAT(refusal(), HasSubstr("symbolic link"));
  ASSERT_EQ(mkfifo(path.c_str(), 0666), 0);
  EXPECT_THAT(refusal(), HasSubstr("regular file"));
  std::filesystem::create_directory(path);
  refusal();
  EXPECT_TRUE(Acquire("NPU").ok());
}

TEST_F(DeviceLockTest, NamesDoNotPileUp) {
  const std::string owner(1000, 'x');
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
