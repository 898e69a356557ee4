#include "frontend/http/process_info.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

class ProcessInfoTest : public testing::Test {
 protected:
  ~ProcessInfoTest() override { std::filesystem::remove_all(proc_); }

  ProcessInfo Read(const std::string& stat) {
    std::filesystem::create_directory(proc_ + "/7");
    std::ofstream(proc_ + "/7/stat") << stat;
    return ReadProcess(7, proc_);
  }

  static std::string MakeFolder() {
    std::string pattern = testing::TempDir() + "/proc-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    return pattern;
  }

  const std::string proc_ = MakeFolder();
};

TEST_F(ProcessInfoTest, NameAndStart) {
  const ProcessInfo process =
      Read("7 (a) b (c\x1b[1m) S 1 7 7 0 -1 4194304 10 0 0 0 5 6 0 0 20 0 1 0 12345 1000 200 18446744073709551615\n");
  EXPECT_EQ(process.pid, 7);
  EXPECT_EQ(process.name, "a) b (c\\x1b[1m");
  EXPECT_EQ(process.started, 12345);
}

TEST_F(ProcessInfoTest, WhatCannotBeReadIsNotKnown) {
  for (const char* stat : {"", "7", "7 )(", "7 (", "7 (a) S 1 2 3"}) {
    EXPECT_EQ(Read(stat).started, 0) << stat;
  }
  EXPECT_EQ(Read("7 (a) S 1 2 3").name, "a");
  const ProcessInfo absent = ReadProcess(8, proc_);
  EXPECT_EQ(absent.pid, 8);
  EXPECT_EQ(absent.started, 0);
  EXPECT_EQ(absent.name, "");
}

TEST(ProcessInfoOfThisMachineTest, AChildStartsNoEarlierThanItsParent) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    pause();
    _exit(0);
  }
  const ProcessInfo own = ReadProcess(getpid());
  const ProcessInfo of_child = ReadProcess(child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_GT(own.started, 0);
  EXPECT_GE(of_child.started, own.started);
  EXPECT_EQ(of_child.name, own.name);
}

}  // namespace
}  // namespace accelerd
