#include "frontend/http/transfer_deadline.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Time kStart = Time() + hours(1);

TEST(TransferDeadline, NothingForThePatienceIsTooSlow) {
  const TransferDeadline deadline(seconds(30), 1000, kStart);
  EXPECT_EQ(deadline.Left(kStart + seconds(10)), seconds(20));
  EXPECT_EQ(deadline.Left(kStart + seconds(31)), -seconds(1));
}

TEST(TransferDeadline, ASteadyTransferMayTakeAnyTime) {
  TransferDeadline deadline(seconds(30), 1000, kStart);
  Time now = kStart;
  for (int i = 0; i < 10'000; ++i) {
    now += seconds(20);
    ASSERT_GT(deadline.Left(now), Duration(0)) << i;
    deadline.Progress(20'000, now);
  }
}

TEST(TransferDeadline, AByteNowAndThenIsTooSlow) {
  TransferDeadline deadline(seconds(30), 1000, kStart);
  Time now = kStart;
  while (deadline.Left(now) > Duration(0)) {
    deadline.Progress(1, now);
    now += seconds(1);
  }
  EXPECT_LT(now, kStart + seconds(32));
}

TEST(TransferDeadline, HalfTheRateLastsTwiceThePatience) {
  TransferDeadline deadline(seconds(30), 1000, kStart);
  Time now = kStart;
  while (deadline.Left(now) > Duration(0)) {
    deadline.Progress(50, now);
    now += milliseconds(100);
  }
  EXPECT_GT(now, kStart + seconds(58));
  EXPECT_LT(now, kStart + seconds(62));
}

TEST(TransferDeadline, BytesThatCameFastEarnNoTime) {
  TransferDeadline deadline(seconds(30), 1, kStart);
  deadline.Progress(std::size_t{1} << 62U, kStart);
  EXPECT_EQ(deadline.Left(kStart), seconds(30));
}

TEST(TransferDeadline, APauseDoesNotCount) {
  TransferDeadline deadline(seconds(30), 1000, kStart);
  deadline.Postpone(seconds(5));
  EXPECT_EQ(deadline.Left(kStart), seconds(35));
  deadline.Progress(1, kStart + seconds(20));
  EXPECT_EQ(deadline.Left(kStart + seconds(20)), seconds(15) + milliseconds(1));
}

}  // namespace
}  // namespace accelerd
