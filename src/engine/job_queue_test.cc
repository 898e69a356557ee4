#include "engine/job_queue.h"

#include <deque>
#include <iterator>
#include <map>
#include <random>

#include "engine/job_table.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(JobQueueTest, KeepsItsOrderWhereverJobsComeAndGo) {
  std::mt19937 random(1);
  JobQueue queue;
  std::map<std::uint64_t, JobRecord*> expected;
  std::deque<JobRecord> jobs;
  std::uint64_t next = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool fills = i / 500 % 2 == 0;
    if (expected.empty() || random() % 5 < (fills ? 3 : 2)) {
      // Most often behind all; sometimes a place that is free.
      std::uint64_t order = random() % 4 == 0 ? random() % (next + 1) : next;
      order = expected.contains(order) ? next : order;
      next = std::max(next, order + 1);
      queue.Add(order, jobs.emplace_back());
      expected.emplace(order, &jobs.back());
    } else {
      const auto leaves =
          random() % 2 == 0 ? expected.begin() : std::next(expected.begin(), random() % expected.size());
      queue.Remove(leaves->first);
      expected.erase(leaves);
    }
    ASSERT_EQ(queue.size(), expected.size());
    ASSERT_EQ(queue.empty(), expected.empty());
    if (!expected.empty()) {
      ASSERT_EQ(queue.first(), expected.begin()->second);
      ASSERT_EQ(queue.last().second, expected.rbegin()->second);
      ASSERT_EQ(queue.last().first, expected.rbegin()->first);
    }
  }
}

}  // namespace
}  // namespace accelerd
