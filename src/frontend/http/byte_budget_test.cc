#include "frontend/http/byte_budget.h"

#include <utility>

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
  first.reset();
  EXPECT_EQ(budget->used(), 40U);
  EXPECT_FALSE(budget->TryReserve(101));
  EXPECT_FALSE(budget->TryReserve(SIZE_MAX));
}

TEST(ByteBudget, MovedReservationsAreGivenBackOnce) {
  const auto budget = std::make_shared<ByteBudget>(100);
  ByteBudget::Reservation one = *budget->TryReserve(30);
  ByteBudget::Reservation other = *budget->TryReserve(50);
  other = std::move(one);
  EXPECT_EQ(budget->used(), 30U);
  const ByteBudget::Reservation last = std::move(other);
  EXPECT_EQ(budget->used(), 30U);
}

TEST(ByteBudget, ReservationsOutliveTheirBudget) {
  ByteBudget::Reservation reservation;
  {
    const auto budget = std::make_shared<ByteBudget>(100);
    reservation = *budget->TryReserve(10);
  }
}

}  // namespace
}  // namespace accelerd
