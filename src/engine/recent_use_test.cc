#include "engine/recent_use.h"

#include <chrono>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kShort{10};
constexpr seconds kLong{60};

Time At(Duration time) {
  return Time(std::chrono::hours(1)) + time;
}

double Device(const RecentUse& use, seconds window, Duration at) {
  return ToSeconds(use.Over(window, At(at)).device_time);
}

TEST(RecentUseTest, WhatIsOlderThanTheWindowSlidesOutOfIt) {
  RecentUse use;
  use.Add(Resource::kDevice, milliseconds(500), At(seconds(0)), At(milliseconds(500)));
  EXPECT_NEAR(Device(use, kShort, milliseconds(500)), 0.5, 1e-3);
  EXPECT_NEAR(Device(use, kShort, milliseconds(9'900)), 0.5, 1e-3);
  EXPECT_NEAR(Device(use, kShort, milliseconds(10'500)), 0.25, 1e-3) << "half of its second is out";
  EXPECT_NEAR(Device(use, kShort, seconds(11)), 0, 1e-3);
  EXPECT_NEAR(Device(use, kLong, seconds(59)), 0.5, 1e-3);
  EXPECT_NEAR(Device(use, kLong, seconds(61)), 0, 1e-3);
  EXPECT_NEAR(Device(use, kLong, seconds(10'000)), 0, 1e-3);
}

TEST(RecentUseTest, ALongUseIsSpreadOverItsTime) {
  RecentUse use;
  use.Add(Resource::kDevice, seconds(50), At(seconds(0)), At(seconds(100)));
  EXPECT_NEAR(Device(use, kShort, seconds(100)), 5, 1e-3);
  EXPECT_NEAR(Device(use, kLong, seconds(100)), 30, 1e-3);
  EXPECT_NEAR(Device(use, kShort, milliseconds(105'500)), 2.25, 1e-3);
}

TEST(RecentUseTest, AConstantUseIsConstant) {
  RecentUse use;
  for (int i = 0; i < 1000; ++i) {
    use.Add(Resource::kDevice, milliseconds(70), At(i * milliseconds(100)), At((i + 1) * milliseconds(100)));
    if (i >= 700) {
      EXPECT_NEAR(Device(use, kShort, (i + 1) * milliseconds(100)), 7, 1e-2);
      EXPECT_NEAR(Device(use, kLong, (i + 1) * milliseconds(100)), 42, 1e-2);
    }
  }
}

TEST(RecentUseTest, ResourcesAndResultsAreApart) {
  RecentUse use;
  use.Add(Resource::kDevice, seconds(1), At(seconds(0)), At(seconds(1)));
  use.Add(Resource::kProcessor, seconds(3), At(seconds(0)), At(seconds(1)));
  use.CountCompleted(At(seconds(1)));
  use.CountCompleted(At(seconds(2)));
  const RecentShare share = use.Over(kShort, At(seconds(2)));
  EXPECT_NEAR(ToSeconds(share.device_time), 1, 1e-3);
  EXPECT_NEAR(ToSeconds(share.processor_time), 3, 1e-3);
  EXPECT_EQ(share.completed, 2);
}

TEST(RecentUseTest, MergesWhatIsOlderAndNewer) {
  RecentUse older;
  older.Add(Resource::kDevice, milliseconds(100), At(seconds(1)), At(seconds(1)));
  RecentUse newer;
  newer.Add(Resource::kDevice, milliseconds(200), At(seconds(55)), At(seconds(55)));
  newer.CountCompleted(At(seconds(55)));
  RecentUse forward = older;
  forward.Merge(newer);
  newer.Merge(older);
  for (const RecentUse& sum : {forward, newer}) {
    EXPECT_NEAR(Device(sum, kLong, seconds(56)), 0.3, 1e-3);
    EXPECT_NEAR(Device(sum, kShort, seconds(56)), 0.2, 1e-3);
    EXPECT_EQ(sum.Over(kLong, At(seconds(56))).completed, 1);
  }
  RecentUse ancient;
  ancient.Add(Resource::kDevice, seconds(1), At(-seconds(1000)), At(-seconds(999)));
  forward.Merge(ancient);
  EXPECT_NEAR(Device(forward, kLong, seconds(56)), 0.3, 1e-3);
}

}  // namespace
}  // namespace accelerd
