#include "frontend/http/socket_holders.h"

#include <unistd.h>

#include <filesystem>

#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// Takes a step each time that it is read.
class TickingClock : public Clock {
 public:
  Time Now() const override { return now += 10ms; }

  mutable Time now{};
};

class SocketHoldersTest : public testing::Test {
 protected:
  SocketHoldersTest() { std::filesystem::create_directory(proc_ + "/self"); }
  ~SocketHoldersTest() override { std::filesystem::remove_all(proc_); }

  /// A process with these links as descriptors, 0 and following.
  void AddProcess(pid_t pid, const std::vector<std::string>& links) {
    const std::string folder = fmt::format("{}/{}/fd", proc_, pid);
    std::filesystem::create_directories(folder);
    for (std::size_t i = 0; i < links.size(); ++i) {
      std::filesystem::create_symlink(links[i], fmt::format("{}/{}", folder, i));
    }
  }

  static std::string MakeFolder() {
    std::string pattern = testing::TempDir() + "/proc-XXXXXX";
    return mkdtemp(pattern.data());
  }

  const std::string proc_ = MakeFolder();
  TickingClock clock_;
  SocketHolders holders_{proc_, clock_};
};

TEST_F(SocketHoldersTest, FindsSeveralAtOnce) {
  AddProcess(7, {"/dev/null", "socket:[70]", "socket:[71]", "pipe:[72]"});
  AddProcess(123, {"socket:[12]"});
  AddProcess(9, {});
  const auto result = holders_.Find({12, 70, 71});
  EXPECT_THAT(result.found, UnorderedElementsAre(Pair(12, 123), Pair(70, 7), Pair(71, 7)));
  EXPECT_TRUE(result.complete);
}

TEST_F(SocketHoldersTest, NotHeldByWhatOnlyLooksLikeIt) {
  AddProcess(7, {"pipe:[70]", "socket:[7]", "socket:[700]", "socket:[70", "socket:[70x]", "/tmp/socket:[70]"});
  EXPECT_THAT(holders_.Find({70}).found, IsEmpty());
}

TEST_F(SocketHoldersTest, LookingInVainIsATenthOfTheTime) {
  AddProcess(7, {"socket:[70]"});
  EXPECT_TRUE(holders_.Find({1}).complete);  // Took 10 ms on this clock.
  const Time pause_end = clock_.now + 90ms;
  const auto early = holders_.Find({70});
  EXPECT_THAT(early.found, IsEmpty());
  EXPECT_FALSE(early.complete);
  clock_.now = pause_end;
  EXPECT_THAT(holders_.Find({70}).found, ElementsAre(Pair(70, 7)));
}

TEST_F(SocketHoldersTest, KnownHoldersAreLookedIntoAtAnyTime) {
  AddProcess(7, {"socket:[70]"});
  AddProcess(8, {"socket:[80]"});
  EXPECT_THAT(holders_.Find({70, 80}).found, UnorderedElementsAre(Pair(70, 7), Pair(80, 8)));
  holders_.Find({1});
  const auto early = holders_.Find({70, 80});
  EXPECT_THAT(early.found, UnorderedElementsAre(Pair(70, 7), Pair(80, 8)));
  EXPECT_TRUE(early.complete);
  std::filesystem::remove_all(proc_ + "/7");
  EXPECT_THAT(holders_.Find({70, 80}).found, ElementsAre(Pair(80, 8))) << "gone processes are no harm";
}

}  // namespace
}  // namespace accelerd
