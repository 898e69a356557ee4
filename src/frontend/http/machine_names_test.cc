#include "frontend/http/machine_names.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class MachineNamesTest : public testing::Test {
 protected:
  ~MachineNamesTest() override { std::filesystem::remove(path_); }

  std::vector<std::string> Names(const std::string& hostname, const std::string& hosts) {
    std::ofstream(path_) << hosts;
    return MachineNames(hostname, path_);
  }

  const std::string path_ = fmt::format("{}hosts-{}", testing::TempDir(), getpid());
};

TEST_F(MachineNamesTest, WhatTheMachineSaysOfItself) {
  EXPECT_THAT(
      Names("Robot",
            "127.0.0.1 localhost\n"
            "127.0.1.1\tRobot.Example.org  robot # the machine\n"
            "::1 ip6-localhost ip6-loopback\r\n"
            "# 127.0.0.1 commented\n"
            "192.0.2.7 other.example other\n"
            "192.0.2.8 lan.example.org robot\n"
            "0.0.0.0 blocked.example\n"
            "not-an-address some.name\n"
            "127.0.0.1"),
      ElementsAre("robot", "localhost", "robot.example.org", "ip6-localhost", "ip6-loopback", "lan.example.org"));
}

TEST_F(MachineNamesTest, AFullNameAndItsFirstLabel) {
  EXPECT_THAT(Names("robot.example.org", ""), ElementsAre("robot.example.org", "robot"));
  EXPECT_THAT(Names("", ""), SizeIs(0));
  EXPECT_THAT(MachineNames("robot", "/no/such/file"), ElementsAre("robot"));
}

TEST_F(MachineNamesTest, ALargeFileIsBounded) {
  std::string hosts;
  for (int i = 0; i < 200'000; ++i) {
    hosts += fmt::format("127.0.0.1 n{}.example\n", i);
  }
  EXPECT_THAT(Names("robot", hosts), SizeIs(256));
}

}  // namespace
}  // namespace accelerd
