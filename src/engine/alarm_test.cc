#include "engine/alarm.h"

#include <atomic>
#include <future>
#include <new>
#include <optional>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;

TEST(AlarmTest, RingsAtTheEarliestTimeThatWasSetLast) {
  std::promise<void> rung;
  Alarm alarm([&] { rung.set_value(); }, Clock::Steady());
  const Time now = Clock::Steady().Now();
  alarm.Set(now + std::chrono::hours(100'000));
  alarm.Set(Time::max());
  alarm.Set(now + milliseconds(1));
  rung.get_future().wait();
  EXPECT_GE(Clock::Steady().Now(), now + milliseconds(1));
}

TEST(AlarmTest, RingsAgainAfterAnException) {
  std::promise<void> rung;
  int rings = 0;
  Alarm alarm(
      [&] {
        if (++rings == 1) {
          throw std::bad_alloc();
        }
        rung.set_value();
      },
      Clock::Steady());
  alarm.Set(Clock::Steady().Now());
  rung.get_future().wait();
  EXPECT_EQ(rings, 2);
}

TEST(AlarmTest, DoesNotRingWhenUnset) {
  std::atomic<int> rings = 0;
  std::promise<void> rung;
  {
    Alarm alarm(
        [&] {
          ++rings;
          rung.set_value();
        },
        Clock::Steady());
    alarm.Set(Clock::Steady().Now() + std::chrono::hours(1));
    alarm.Set(std::nullopt);
    alarm.Set(Clock::Steady().Now());
    rung.get_future().wait();
  }
  EXPECT_EQ(rings, 1);
}

}  // namespace
}  // namespace accelerd
