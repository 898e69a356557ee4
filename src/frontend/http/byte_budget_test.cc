#include "frontend/http/byte_budget.h"

#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(ByteBudget, BoundsWhatIsHeld) {
  const auto budget = std::make_shared<ByteBudget>(100);
  auto first = budget->TryReserve(60);
  ASSERT_TRUE(first);
  EXPECT_FALSE(budget->TryReserve(41));
  auto second = budget->TryReserve(40);
  ASSERT_TRUE(second);
  EXPECT_EQ(budget->used(), 100U);
  first->Merge(*std::move(second));
  EXPECT_EQ(first->bytes(), 100U);
  first.reset();
  EXPECT_EQ(budget->used(), 0U);
  EXPECT_FALSE(budget->TryReserve(101));
  EXPECT_FALSE(budget->TryReserve(SIZE_MAX));
}

TEST(ByteBudget, MovedReservationsAreGivenBackOnce) {
  const auto budget = std::make_shared<ByteBudget>(100);
  ByteBudget::Reservation one = *budget->TryReserve(30);
  ByteBudget::Reservation other = *budget->TryReserve(50);
  other = std::move(one);
  EXPECT_EQ(budget->used(), 30U);
  ByteBudget::Reservation merged;
  merged.Merge(std::move(other));
  EXPECT_EQ(budget->used(), 30U);
  merged.Release();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(ByteBudget, WaitsInOrderOfArrival) {
  const auto budget = std::make_shared<ByteBudget>(100);
  auto all = budget->TryReserve(100);
  std::vector<int> order;
  std::vector<ByteBudget::Reservation> held;
  const auto keep = [&](int number) {
    return [&, number](ByteBudget::Reservation given) {
      order.push_back(number);
      held.push_back(std::move(given));
    };
  };
  budget->Reserve(90, keep(1));
  budget->Reserve(20, keep(2));
  budget->Reserve(10, keep(3));
  EXPECT_TRUE(order.empty());
  all.reset();
  // The third would fit beside the first, and waits for its turn all the same.
  EXPECT_EQ(order, (std::vector<int>{1}));
  EXPECT_FALSE(budget->TryReserve(1));
  // Granting adds to `held`.
  std::exchange(held, {}).clear();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(ByteBudget, CancelledOnesLetOthersPass) {
  const auto budget = std::make_shared<ByteBudget>(100);
  auto most = budget->TryReserve(90);
  bool large = false;
  bool small = false;
  const auto ticket = budget->Reserve(50, [&](const ByteBudget::Reservation&) { large = true; });
  budget->Reserve(10, [&](const ByteBudget::Reservation&) { small = true; });
  budget->Cancel(ticket);
  EXPECT_TRUE(small);
  EXPECT_FALSE(large);
  budget->Cancel(ticket);
  most.reset();
  EXPECT_FALSE(large);
  EXPECT_EQ(budget->used(), 0U);
}

TEST(ByteBudget, ReservationsOutliveTheirBudget) {
  ByteBudget::Reservation reservation;
  {
    const auto budget = std::make_shared<ByteBudget>(100);
    reservation = *budget->TryReserve(10);
  }
  EXPECT_EQ(reservation.bytes(), 10U);
}

TEST(ByteBudget, ManyThreads) {
  const auto budget = std::make_shared<ByteBudget>(10);
  std::atomic<int> granted = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        budget->Reserve(static_cast<std::size_t>(k % 10) + 1, [&](const ByteBudget::Reservation& given) {
          EXPECT_LE(given.bytes(), 10U);
          ++granted;
        });
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(granted, 4000);
  EXPECT_EQ(budget->used(), 0U);
}

}  // namespace
}  // namespace accelerd
