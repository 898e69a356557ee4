#include "frontend/http/socket_holders.h"

#include <unistd.h>

#include <filesystem>

#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Found = std::map<std::uint32_t, pid_t>;

/// Takes a step each time that it is read.
class TickingClock : public Clock {
 public:
  Time Now() const override { return now += 1ms; }

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

  /// Searches for sockets of this user to the end.
  Found Find(const std::vector<std::uint32_t>& inodes, bool* complete = nullptr) {
    SocketUsers wanted;
    for (const std::uint32_t inode : inodes) {
      wanted.emplace(inode, geteuid());
    }
    const auto search = holders_.Begin(wanted);
    EXPECT_TRUE(search->Advance(clock_, clock_.now + 1h));
    if (complete != nullptr) {
      *complete = search->complete();
    }
    Found found = holders_.Learn(*search);
    if (!search->wanted().empty()) {
      holders_.NoteMisses(*search);
    }
    return found;
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
  bool complete = false;
  EXPECT_THAT(Find({12, 70, 71}, &complete), UnorderedElementsAre(Pair(12, 123), Pair(70, 7), Pair(71, 7)));
  EXPECT_TRUE(complete);
}

TEST_F(SocketHoldersTest, NotHeldByWhatOnlyLooksLikeIt) {
  AddProcess(7, {"pipe:[70]", "socket:[7]", "socket:[700]", "socket:[70", "socket:[70x]", "/tmp/socket:[70]"});
  EXPECT_THAT(Find({70}), IsEmpty());
}

TEST_F(SocketHoldersTest, LookingInVainIsATenthOfTheTime) {
  AddProcess(7, {"socket:[70]"});
  const Time begin = clock_.now;
  bool complete = false;
  EXPECT_THAT(Find({1}, &complete), IsEmpty());
  EXPECT_TRUE(complete);
  const Duration spent = clock_.now - begin;
  EXPECT_THAT(Find({70}, &complete), IsEmpty());
  EXPECT_FALSE(complete) << "it is not known whether another process holds it";
  // Another user's sockets are searched for.
  const auto other = holders_.Begin({{70, geteuid() + 1}});
  EXPECT_TRUE(other->complete());
  clock_.now = begin + 10 * spent;
  EXPECT_THAT(Find({70}, &complete), ElementsAre(Pair(70, 7)));
  EXPECT_TRUE(complete);
}

TEST_F(SocketHoldersTest, KnownHoldersAreLookedIntoAtAnyTime) {
  AddProcess(7, {"socket:[70]"});
  AddProcess(8, {"socket:[80]"});
  EXPECT_THAT(Find({70, 80}), UnorderedElementsAre(Pair(70, 7), Pair(80, 8)));
  Find({1});
  EXPECT_THAT(Find({70, 80}), UnorderedElementsAre(Pair(70, 7), Pair(80, 8)));
  std::filesystem::remove_all(proc_ + "/7");
  EXPECT_THAT(Find({70, 80}), ElementsAre(Pair(80, 8))) << "gone processes are no harm";
}

TEST_F(SocketHoldersTest, AProcessOfManyDescriptorsComesLast) {
  const std::vector<std::string> many(3000, "/dev/null");
  AddProcess(90, many);
  AddProcess(91, many);
  AddProcess(5, {"socket:[50]"});
  const auto search = holders_.Begin({{50, geteuid()}, {90, geteuid()}});
  const Time begin = clock_.now;
  // The younger processes are looked into first, but not to their ends, which would take 6,000 steps.
  while (search->wanted().size() == 2) {
    ASSERT_FALSE(search->Advance(clock_, clock_.now + 2ms));
  }
  EXPECT_LT(clock_.now - begin, 375ms) << "the clock ticks every 16 steps";
  EXPECT_THAT(holders_.Learn(*search), ElementsAre(Pair(50, 5)));
  std::filesystem::create_symlink("socket:[90]", proc_ + "/90/fd/socket");
  EXPECT_TRUE(search->Advance(clock_, clock_.now + 1h));
  EXPECT_THAT(holders_.Learn(*search), ElementsAre(Pair(90, 90)));
}

TEST_F(SocketHoldersTest, ASearchStopsAtItsTimeAndGoesOn) {
  AddProcess(7, std::vector<std::string>(2000, "/dev/null"));
  const auto search = holders_.Begin({{70, geteuid()}});
  std::filesystem::create_symlink("socket:[70]", proc_ + "/7/fd/socket");
  int parts = 0;
  Time until = clock_.now + 3ms;
  while (!search->Advance(clock_, until)) {
    EXPECT_LE(clock_.now, until + 1ms);
    until = clock_.now + 3ms;
    ++parts;
  }
  EXPECT_GT(parts, 20);
  EXPECT_THAT(holders_.Learn(*search), ElementsAre(Pair(70, 7)));
}

}  // namespace
}  // namespace accelerd
