#include "backend/simulated/stick_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "backend/test_directory.h"
#include "base/file.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

absl::Status CountRun(StickState& state) {
  ++state.counters.runs;
  return absl::OkStatus();
}

class StickFileTest : public testing::Test {
 protected:
  const TestDirectory directory_;
  const std::string path_ = directory_ / "stick.json";
};

TEST_F(StickFileTest, AMissingFileIsANewStick) {
  StickFile file(path_);
  EXPECT_TRUE(file.Read()->present);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_TRUE(file.Update(CountRun).ok());
  EXPECT_EQ(ParseStickState(*ReadFile(path_, 10000))->counters.runs, 1);
}

TEST_F(StickFileTest, NoticesOthersChangesButNotItsOwn) {
  StickFile file(path_);
  StickFile other(path_);
  EXPECT_TRUE(file.Update(CountRun).ok());
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(file.Changed());
    // Within one tick of the file system's clock, of the same size, on inodes that could be used again.
    EXPECT_TRUE(other
                    .Update([i](StickState& state) {
                      state.present = i % 2 == 0;
                      state.owner = i % 2 == 0 ? 10 : 1;  // Makes up for the letters of "false".
                      return absl::OkStatus();
                    })
                    .ok());
    ASSERT_TRUE(file.Changed());
    EXPECT_TRUE(file.Update(CountRun).ok());
  }
  std::filesystem::remove(path_);
  EXPECT_TRUE(file.Changed());
  EXPECT_TRUE(file.Read().ok());
  EXPECT_FALSE(file.Changed() && std::filesystem::exists(path_));
}

TEST_F(StickFileTest, NoEditIsLost) {
  constexpr int kThreads = 4;
  constexpr int kEdits = 50;
  StickFile shared(path_);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      StickFile own(path_);
      for (int j = 0; j < kEdits; ++j) {
        EXPECT_TRUE(own.Update(CountRun).ok());
        EXPECT_TRUE(shared.Update(CountRun).ok());
        EXPECT_TRUE(own.Read().ok());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(shared.Read()->counters.runs, 2 * kThreads * kEdits);
}

TEST_F(StickFileTest, AFailedEditLeavesItAsItWas) {
  StickFile file(path_);
  EXPECT_TRUE(file.Update(CountRun).ok());
  EXPECT_FALSE(file.Update([](StickState& state) {
                     state.present = false;
                     return absl::InvalidArgumentError("no");
                   })
                   .ok());
  EXPECT_TRUE(file.Read()->present);
}

TEST_F(StickFileTest, NamesAMalformedFile) {
  std::ofstream(path_) << "{]";
  StickFile file(path_);
  const absl::Status status = file.Update(CountRun).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Message(status).find(path_), std::string_view::npos) << status;
  EXPECT_EQ(*ReadFile(path_, 100), "{]");
}

TEST_F(StickFileTest, HasOneOwnerByWhateverName) {
  StickFile file(path_);
  EXPECT_TRUE(file.Update(CountRun).ok());
  std::filesystem::create_symlink(path_, directory_ / "link");
  StickFile link(directory_ / "link");
  absl::StatusOr<StickFile::Ownership> ownership = file.Own();
  ASSERT_TRUE(ownership.ok()) << ownership.status();
  EXPECT_EQ(link.Own().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(*link.Owned());
  EXPECT_TRUE(link.Update(CountRun).ok());  // Editing needs no ownership, and is not written over the link.
  EXPECT_TRUE(std::filesystem::is_symlink(directory_ / "link"));
  ownership = StickFile::Ownership();
  EXPECT_FALSE(*link.Owned());
  EXPECT_TRUE(link.Own().ok());
}

TEST_F(StickFileTest, AKilledOwnerLeavesItFree) {
  StickFile file(path_);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const absl::StatusOr<StickFile::Ownership> ownership = StickFile(path_).Own();
    const char told = ownership.ok() ? 'y' : 'n';
    if (write(ready[1], &told, 1) == 1) {
      pause();
    }
    _exit(1);
  }
  char told = 0;
  ASSERT_EQ(read(ready[0], &told, 1), 1);
  ASSERT_EQ(told, 'y');
  EXPECT_EQ(file.Own().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(*file.Owned());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(*file.Owned());
  EXPECT_TRUE(file.Own().ok());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace accelerd
