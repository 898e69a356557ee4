#include "frontend/http/byte_budget.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using Flag = std::shared_ptr<std::atomic<bool>>;

TEST(ByteBudget, BoundsWhatIsHeld) {
  const auto budget = std::make_shared<ByteBudget>(100);
  auto first = budget->TryReserve("a", 60);
  ASSERT_TRUE(first);
  EXPECT_FALSE(budget->TryReserve("b", 41));
  EXPECT_FALSE(budget->TryReserve("b", 33)) << "over its share";
  auto second = budget->TryReserve("b", 32);
  ASSERT_TRUE(second);
  EXPECT_EQ(budget->used(), 92U);
  first.reset();
  EXPECT_EQ(budget->used(), 32U);
  EXPECT_FALSE(budget->TryReserve("a", 101));
  EXPECT_FALSE(budget->TryReserve("a", SIZE_MAX));
}

TEST(ByteBudget, AClientHasFourFifthsOfWhatOthersLeave) {
  const auto budget = std::make_shared<ByteBudget>(1000);
  std::vector<ByteBudget::Reservation> held;
  for (const auto& [client, share] : {std::pair("a", 800), std::pair("b", 160), std::pair("c", 32)}) {
    for (int i = 0; i < share / 8; ++i) {
      auto reservation = budget->TryReserve(client, 8);
      ASSERT_TRUE(reservation) << client << i;
      held.push_back(*std::move(reservation));
    }
    EXPECT_FALSE(budget->TryReserve(client, 8)) << client;
  }
  EXPECT_TRUE(budget->TryReserve("d", 6));
}

TEST(ByteBudget, OneThatIsAloneMayHaveItAll) {
  const auto budget = std::make_shared<ByteBudget>(100);
  auto all = budget->TryReserve("a", 100);
  ASSERT_TRUE(all);
  EXPECT_FALSE(budget->TryReserve("b", 1));
  all.reset();
  auto small = budget->TryReserve("a", 1);
  EXPECT_FALSE(budget->TryReserve("a", 99)) << "it has another one";
}

TEST(ByteBudget, WhoIsRefusedAsksTheClientThatHoldsMost) {
  const auto budget = std::make_shared<ByteBudget>(1000);
  std::vector<Flag> wanted;
  std::vector<ByteBudget::Reservation> held;
  const auto reserve = [&](const char* client, std::size_t bytes) {
    wanted.push_back(std::make_shared<std::atomic<bool>>(false));
    held.push_back(*budget->TryReserve(client, bytes, wanted.back()));
  };
  reserve("b", 100);
  reserve("a", 300);
  reserve("a", 300);
  const auto marks = [&] {
    std::vector<bool> set;
    for (const Flag& flag : wanted) {
      set.push_back(*flag);
    }
    return set;
  };
  EXPECT_FALSE(budget->TryReserve("a", 300)) << "over its own share";
  EXPECT_EQ(marks(), (std::vector<bool>{false, false, false}));
  EXPECT_FALSE(budget->TryReserve("c", 300));
  EXPECT_EQ(marks(), (std::vector<bool>{false, true, false})) << "its oldest one";
  EXPECT_FALSE(budget->TryReserve("c", 300));
  EXPECT_EQ(marks(), (std::vector<bool>{false, true, true}));
  held.clear();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(ByteBudget, MovedReservationsAreGivenBackOnce) {
  const auto budget = std::make_shared<ByteBudget>(100);
  ByteBudget::Reservation one = *budget->TryReserve("a", 30);
  ByteBudget::Reservation other = *budget->TryReserve("a", 50);
  other = std::move(one);
  EXPECT_EQ(budget->used(), 30U);
  const ByteBudget::Reservation last = std::move(other);
  EXPECT_EQ(budget->used(), 30U);
}

TEST(ByteBudget, ReservationsOutliveTheirBudget) {
  ByteBudget::Reservation reservation;
  {
    const auto budget = std::make_shared<ByteBudget>(100);
    reservation = *budget->TryReserve("a", 10);
  }
}

}  // namespace
}  // namespace accelerd
