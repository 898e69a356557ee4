#include "frontend/http/body_budget.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

/// For a Grow that may be granted later, when nobody asks any more.
void Ignore() {}

/// For a Grow that is granted at once.
void Never() {
  ADD_FAILURE() << "granted later";
}

BodyBudget::Callback Set(bool& flag) {
  return [&flag] { flag = true; };
}

BodyBudget::Account Open(const std::shared_ptr<BodyBudget>& budget, const std::string& client, std::size_t claim) {
  return budget->Open(client, claim, [] { ADD_FAILURE() << "evicted"; });
}

std::shared_ptr<BodyBudget> MakeBudget(std::size_t limit) {
  return std::make_shared<BodyBudget>(limit, limit);
}

constexpr std::size_t kMebi = 1 << 20;

/// A budget of the default size, with a 16th for small bodies.
std::shared_ptr<BodyBudget> MakeDefaultBudget() {
  return std::make_shared<BodyBudget>(256 * kMebi, 32 * kMebi);
}

TEST(BodyBudget, BoundsWhatIsHeld) {
  const auto budget = MakeBudget(100);
  BodyBudget::Account first = Open(budget, "a", 100);
  EXPECT_EQ(budget->used(), 0U) << "a claim alone holds nothing";
  EXPECT_TRUE(budget->Grow(first, 60, Never));
  EXPECT_TRUE(budget->Grow(first, 40, Never));
  EXPECT_EQ(budget->used(), 100U);
  BodyBudget::Account second = Open(budget, "b", 1);
  bool granted = false;
  EXPECT_FALSE(budget->Grow(second, 1, Set(granted)));
  first.Finish();
  EXPECT_FALSE(granted);
  first.Close();
  EXPECT_TRUE(granted);
  EXPECT_EQ(budget->used(), 1U);
  BodyBudget::Account moved = std::move(second);
  EXPECT_EQ(budget->used(), 1U);
  moved = Open(budget, "b", 100);
  EXPECT_EQ(budget->used(), 0U);
}

TEST(BodyBudget, WhatIsAnnouncedTakesNoRoom) {
  const auto budget = MakeDefaultBudget();
  std::vector<BodyBudget::Account> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(Open(budget, "a", 32 * kMebi));
    EXPECT_TRUE(budget->Grow(idle.back(), 1000, Never));
  }
  BodyBudget::Account body = Open(budget, "a", 32 * kMebi);
  for (int i = 0; i < 32; ++i) {
    EXPECT_TRUE(budget->Grow(body, kMebi, Never)) << i;
  }
}

TEST(BodyBudget, TwoHalvesDoNotWaitForEachOther) {
  const auto budget = MakeBudget(100);
  BodyBudget::Account one = Open(budget, "a", 60);
  BodyBudget::Account other = Open(budget, "b", 60);
  EXPECT_TRUE(budget->Grow(one, 30, Never));
  BodyBudget::Account third = Open(budget, "c", 50);
  EXPECT_TRUE(budget->Grow(third, 20, Never));
  // There is room for a half, and then none of them could end.
  bool granted = false;
  EXPECT_FALSE(budget->Grow(other, 30, Set(granted)));
  EXPECT_TRUE(budget->Grow(one, 30, Never));
  one.Finish();
  EXPECT_FALSE(granted);
  third.Close();
  one.Close();
  EXPECT_TRUE(granted);
}

TEST(BodyBudget, AClientHasFourFifthsOfWhatOthersLeave) {
  const auto budget = MakeDefaultBudget();
  std::vector<BodyBudget::Account> bodies;
  const auto open_whole = [&](const std::string& client, std::size_t size, bool fits) {
    bodies.push_back(Open(budget, client, size));
    EXPECT_EQ(budget->Grow(bodies.back(), size, Ignore), fits) << client << " " << bodies.size();
    if (!fits) {
      bodies.pop_back();
    }
  };
  // Four fifths of the 240 MiB that large bodies may have.
  for (int i = 0; i < 6; ++i) {
    open_whole("greedy", 32 * kMebi, true);
  }
  open_whole("greedy", 32 * kMebi, false);
  open_whole("greedy", 2 * kMebi, false);
  open_whole("second", 32 * kMebi, true);
  open_whole("second", 32 * kMebi, false);
  open_whole("third", 13 * kMebi, false);
  open_whole("third", 12 * kMebi, true);
  // The large bodies leave a part to small ones, of the same clients too.
  for (const char* client : {"greedy", "third", "fourth"}) {
    open_whole(client, kMebi, true);
  }
}

TEST(BodyBudget, SmallBodiesOfOneClientLeaveRoomToo) {
  const auto budget = MakeDefaultBudget();
  std::vector<BodyBudget::Account> bodies;
  for (;;) {
    bodies.push_back(Open(budget, "greedy", kMebi));
    if (!budget->Grow(bodies.back(), kMebi, Ignore)) {
      break;
    }
  }
  EXPECT_EQ(budget->used(), 204 * kMebi);
  BodyBudget::Account other = Open(budget, "other", 32 * kMebi);
  for (int i = 0; i < 16; ++i) {
    EXPECT_TRUE(budget->Grow(other, 2 * kMebi, Never));
  }
}

TEST(BodyBudget, ABodyThatIsNotWholeDoesNotCountAsFinished) {
  const auto budget = MakeDefaultBudget();
  // All of the room is reserved, and the last bytes never come.
  std::vector<BodyBudget::Account> stalled;
  for (int i = 0; i < 8; ++i) {
    stalled.push_back(Open(budget, "stalled", 32 * kMebi));
    budget->Grow(stalled.back(), kMebi, Never);
    budget->Grow(stalled.back(), 31 * kMebi, Ignore);
  }
  for (int i = 0; i < 10; ++i) {
    BodyBudget::Account victim = Open(budget, "victim", 4 * kMebi);
    EXPECT_TRUE(budget->Grow(victim, 64 << 10, Never));
    EXPECT_TRUE(budget->Grow(victim, 4 * kMebi - (64 << 10), Never));
    victim.Finish();
  }
}

TEST(BodyBudget, AWholeBodyCountsWithWhatItHolds) {
  const auto budget = MakeDefaultBudget();
  // Chunked bodies: each could become 32 MiB.
  std::vector<BodyBudget::Account> whole;
  for (int i = 0; i < 40; ++i) {
    whole.push_back(Open(budget, "a", 32 * kMebi));
    ASSERT_TRUE(budget->Grow(whole.back(), 2 * kMebi, Never)) << i;
    whole.back().Finish();
  }
}

TEST(BodyBudget, TheClientThatHoldsLeastIsNext) {
  const auto budget = MakeBudget(1000);
  BodyBudget::Account all = Open(budget, "x", 800);
  EXPECT_TRUE(budget->Grow(all, 800, Never));
  BodyBudget::Account some = Open(budget, "a", 100);
  EXPECT_TRUE(budget->Grow(some, 100, Never));
  some.Finish();
  bool more_granted = false;
  bool first_granted = false;
  BodyBudget::Account more = Open(budget, "a", 700);
  BodyBudget::Account first = Open(budget, "b", 700);
  EXPECT_FALSE(budget->Grow(more, 700, Set(more_granted)));
  EXPECT_FALSE(budget->Grow(first, 700, Set(first_granted)));
  all.Close();
  EXPECT_TRUE(first_granted);
  EXPECT_FALSE(more_granted);
}

TEST(BodyBudget, WhoHasBegunPassesAndWhoIsNewDoesNot) {
  const auto budget = MakeBudget(100);
  BodyBudget::Account begun = Open(budget, "a", 30);
  BodyBudget::Account full = Open(budget, "b", 40);
  EXPECT_TRUE(budget->Grow(begun, 10, Never));
  EXPECT_TRUE(budget->Grow(full, 40, Never));
  BodyBudget::Account large = Open(budget, "c", 48);
  BodyBudget::Account small = Open(budget, "c", 10);
  bool large_granted = false;
  bool small_granted = false;
  EXPECT_FALSE(budget->Grow(large, 48, Set(large_granted)));
  EXPECT_FALSE(budget->Grow(small, 10, Set(small_granted))) << "it would fit";
  EXPECT_TRUE(budget->Grow(begun, 20, Never));
  full.Close();
  EXPECT_TRUE(large_granted);
  EXPECT_FALSE(small_granted) << "it is over the share of its client";
  large.Close();
  EXPECT_TRUE(small_granted);
}

TEST(BodyBudget, ACancelledStepStandsInNobodysWay) {
  const auto budget = MakeBudget(100);
  BodyBudget::Account full = Open(budget, "a", 60);
  EXPECT_TRUE(budget->Grow(full, 60, Never));
  BodyBudget::Account large = Open(budget, "b", 40);
  BodyBudget::Account small = Open(budget, "b", 10);
  bool large_granted = false;
  bool small_granted = false;
  EXPECT_FALSE(budget->Grow(large, 40, Set(large_granted)));
  EXPECT_FALSE(budget->Grow(small, 10, Set(small_granted)));
  budget->CancelGrow(large);
  EXPECT_TRUE(small_granted);
  budget->CancelGrow(large);
  full.Close();
  EXPECT_FALSE(large_granted);
}

TEST(BodyBudget, RoomIsMadeByTheClientThatHoldsMost) {
  const auto budget = MakeDefaultBudget();
  std::vector<std::string> evicted;
  std::vector<BodyBudget::Account> bodies;
  const auto open = [&](const std::string& client, const std::string& name, std::size_t claim) -> BodyBudget::Account& {
    return bodies.emplace_back(budget->Open(client, claim, [&evicted, name] { evicted.push_back(name); }));
  };
  // Many clients hold all of the room in unfinished bodies.
  for (int i = 0; i < 40; ++i) {
    const std::string client = "client " + std::to_string(i);
    bool refused = false;
    for (int k = 0; k < 100 && !refused; ++k) {
      BodyBudget::Account& body = open(client, client + " body " + std::to_string(k), kMebi);
      refused = !budget->Grow(body, kMebi, [] {});
    }
    budget->CancelGrow(bodies.back());
    bodies.pop_back();
  }
  bool has_room = false;
  BodyBudget::Account newcomer = Open(budget, "newcomer", kMebi);
  ASSERT_FALSE(budget->Grow(newcomer, kMebi, Set(has_room)));
  EXPECT_TRUE(budget->MakeRoom(newcomer));
  EXPECT_EQ(evicted, std::vector<std::string>{"client 0 body 0"}) << "the one that has not grown for longest";
  EXPECT_TRUE(budget->MakeRoom(newcomer));
  EXPECT_EQ(evicted.back(), "client 1 body 0") << "client 0 holds less now";
  EXPECT_FALSE(has_room);
  bodies.clear();
  EXPECT_TRUE(has_room);
}

TEST(BodyBudget, NobodyMakesRoomForAClientThatHoldsAsMuch) {
  const auto budget = MakeBudget(1000);
  bool evicted = false;
  bool granted = false;
  BodyBudget::Account one = budget->Open("a", 600, Set(evicted));
  EXPECT_TRUE(budget->Grow(one, 500, Never));
  BodyBudget::Account other = Open(budget, "b", 600);
  EXPECT_FALSE(budget->Grow(other, 500, Set(granted)));
  EXPECT_FALSE(budget->MakeRoom(other));
  budget->CancelGrow(other);
  EXPECT_FALSE(budget->Grow(other, 499, Set(granted)));
  one.Finish();
  EXPECT_FALSE(budget->MakeRoom(other)) << "a whole body is work that was accepted";
  EXPECT_FALSE(evicted);
}

TEST(BodyBudget, ClosingForgetsWhatWaits) {
  const auto budget = MakeBudget(10);
  BodyBudget::Account all = Open(budget, "a", 10);
  EXPECT_TRUE(budget->Grow(all, 10, Never));
  {
    BodyBudget::Account waiting = Open(budget, "a", 10);
    EXPECT_FALSE(budget->Grow(waiting, 10, Never));
  }
  all.Close();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(BodyBudget, AccountsOutliveTheirBudget) {
  BodyBudget::Account account;
  {
    const auto budget = MakeBudget(10);
    account = Open(budget, "a", 10);
  }
}

/// A body that grows by steps of four times what it has, as far as it is granted.
struct Body {
  std::size_t size = 0;
  std::size_t held = 0;
  bool waits = false;
  bool granted = false;
  BodyBudget::Account account;
};

TEST(BodyBudget, AllBodiesBecomeWholeInAnyOrder) {
  constexpr std::size_t kLimit = 1000;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto budget = MakeBudget(kLimit);
    std::vector<std::unique_ptr<Body>> bodies;
    for (int i = 0; i < 40; ++i) {
      bodies.push_back(std::make_unique<Body>());
      bodies.back()->size = 1 + random() % kLimit;
      bodies.back()->account = Open(budget, "client " + std::to_string(random() % (1 + seed % 8)), bodies.back()->size);
    }
    while (!bodies.empty()) {
      std::shuffle(bodies.begin(), bodies.end(), random);
      const auto runnable = std::find_if(bodies.begin(), bodies.end(), [](const auto& body) {
        return !body->waits || body->granted || body->held == body->size;
      });
      ASSERT_NE(runnable, bodies.end()) << "all wait for each other, seed " << seed;
      Body& body = **runnable;
      if (body.held == body.size) {
        bodies.erase(runnable);
        continue;
      }
      const std::size_t step = std::min(std::max<std::size_t>(body.held * 3, 16), body.size - body.held);
      if (!std::exchange(body.granted, false) && !budget->Grow(body.account, step, Set(body.granted))) {
        body.waits = true;
        continue;
      }
      body.waits = false;
      body.held += step;
      if (body.held == body.size) {
        body.account.Finish();
      }
      ASSERT_LE(budget->used(), kLimit);
    }
    EXPECT_EQ(budget->used(), 0U);
  }
}

TEST(BodyBudget, ManyThreads) {
  const auto budget = MakeBudget(10);
  std::atomic<int> whole = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (std::size_t k = 0; k < 1000; ++k) {
        BodyBudget::Account account = Open(budget, std::to_string(i % 2), k % 10 + 1);
        for (std::size_t held = 0; held < k % 10 + 1; ++held) {
          std::atomic<bool> granted = false;
          if (!budget->Grow(account, 1, [&granted] {
                granted = true;
                granted.notify_one();
              })) {
            granted.wait(false);
          }
        }
        account.Finish();
        ++whole;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(whole, 4000);
  EXPECT_EQ(budget->used(), 0U);
}

}  // namespace
}  // namespace accelerd
