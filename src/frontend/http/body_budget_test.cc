#include "frontend/http/body_budget.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

/// For a Grow that is granted at once.
void Never() {
  ADD_FAILURE() << "granted later";
}

BodyBudget::Grant Set(bool& flag) {
  return [&flag] { flag = true; };
}

TEST(BodyBudget, BoundsWhatIsHeld) {
  const auto budget = std::make_shared<BodyBudget>(100);
  BodyBudget::Account first = budget->Open(100);
  EXPECT_EQ(budget->used(), 0U) << "a claim alone holds nothing";
  EXPECT_TRUE(budget->Grow(first, 60, Never));
  EXPECT_TRUE(budget->Grow(first, 40, Never));
  EXPECT_EQ(budget->used(), 100U);
  BodyBudget::Account second = budget->Open(1);
  bool granted = false;
  EXPECT_FALSE(budget->Grow(second, 1, Set(granted)));
  first.Finish();
  EXPECT_FALSE(granted);
  first.Close();
  EXPECT_TRUE(granted);
  EXPECT_EQ(budget->used(), 1U);
  BodyBudget::Account moved = std::move(second);
  EXPECT_EQ(budget->used(), 1U);
  moved = budget->Open(100);
  EXPECT_EQ(budget->used(), 0U);
}

TEST(BodyBudget, WhatIsAnnouncedTakesNoRoom) {
  const auto budget = std::make_shared<BodyBudget>(1000);
  std::vector<BodyBudget::Account> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(budget->Open(500));
    EXPECT_TRUE(budget->Grow(idle.back(), 4, Never));
  }
  BodyBudget::Account body = budget->Open(500);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(budget->Grow(body, 100, Never)) << i;
  }
}

TEST(BodyBudget, TwoHalvesDoNotWaitForEachOther) {
  const auto budget = std::make_shared<BodyBudget>(100);
  BodyBudget::Account one = budget->Open(100);
  BodyBudget::Account other = budget->Open(100);
  EXPECT_TRUE(budget->Grow(one, 50, Never));
  // There is room for a half, and then none of them could end.
  bool granted = false;
  EXPECT_FALSE(budget->Grow(other, 50, Set(granted)));
  EXPECT_TRUE(budget->Grow(one, 50, Never));
  one.Finish();
  EXPECT_FALSE(granted);
  one.Close();
  EXPECT_TRUE(granted);
}

TEST(BodyBudget, WhoHasBegunPassesAndWhoIsNewDoesNot) {
  const auto budget = std::make_shared<BodyBudget>(100);
  BodyBudget::Account begun = budget->Open(30);
  BodyBudget::Account full = budget->Open(60);
  EXPECT_TRUE(budget->Grow(begun, 10, Never));
  EXPECT_TRUE(budget->Grow(full, 60, Never));
  BodyBudget::Account large = budget->Open(90);
  BodyBudget::Account small = budget->Open(10);
  bool large_granted = false;
  bool small_granted = false;
  EXPECT_FALSE(budget->Grow(large, 90, Set(large_granted)));
  EXPECT_FALSE(budget->Grow(small, 10, Set(small_granted))) << "it would fit";
  EXPECT_TRUE(budget->Grow(begun, 20, Never));
  full.Close();
  EXPECT_FALSE(large_granted);
  EXPECT_FALSE(small_granted);
  budget->CancelGrow(large);
  EXPECT_TRUE(small_granted);
  budget->CancelGrow(large);
  begun.Close();
  EXPECT_FALSE(large_granted);
}

TEST(BodyBudget, ClosingForgetsWhatWaits) {
  const auto budget = std::make_shared<BodyBudget>(10);
  BodyBudget::Account all = budget->Open(10);
  EXPECT_TRUE(budget->Grow(all, 10, Never));
  {
    BodyBudget::Account waiting = budget->Open(10);
    EXPECT_FALSE(budget->Grow(waiting, 10, Never));
  }
  all.Close();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(BodyBudget, AccountsOutliveTheirBudget) {
  BodyBudget::Account account;
  {
    const auto budget = std::make_shared<BodyBudget>(10);
    account = budget->Open(10);
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
    const auto budget = std::make_shared<BodyBudget>(kLimit);
    std::vector<std::unique_ptr<Body>> bodies;
    for (int i = 0; i < 40; ++i) {
      bodies.push_back(std::make_unique<Body>());
      bodies.back()->size = 1 + random() % kLimit;
      bodies.back()->account = budget->Open(bodies.back()->size);
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
  const auto budget = std::make_shared<BodyBudget>(10);
  std::atomic<int> whole = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::size_t k = 0; k < 1000; ++k) {
        BodyBudget::Account account = budget->Open(k % 10 + 1);
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
