#include "engine/run_times.h"

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(RunTimesTest, IsTheMedianOfTheLastFifteen) {
  std::mt19937 random(1);
  RunTimes times;
  std::deque<Duration> last;
  for (int i = 0; i < 2000; ++i) {
    const Duration time(random() % 20);
    times.Add(time);
    last.push_back(time);
    if (last.size() > 15) {
      last.pop_front();
    }
    std::vector<Duration> sorted(last.begin(), last.end());
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(times.Median(), sorted[sorted.size() / 2]);
  }
}

}  // namespace
}  // namespace accelerd
