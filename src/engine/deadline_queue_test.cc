#include "engine/deadline_queue.h"

#include <deque>
#include <iterator>
#include <map>
#include <random>
#include <utility>

#include "engine/job_table.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(DeadlineQueueTest, KnowsTheFirstWhoeverComesAndLeaves) {
  std::mt19937 random(1);
  DeadlineQueue queue;
  std::map<std::pair<Time, JobId>, JobRecord*> expected;
  std::deque<JobRecord> jobs;
  for (int i = 0; i < 20'000; ++i) {
    const bool fills = i / 500 % 2 == 0;
    if (expected.empty() || random() % 5 < (fills ? 3 : 2)) {
      JobRecord& job = jobs.emplace_back();
      job.info.id = static_cast<JobId>(i);
      // Often later than all others, often equal.
      job.info.deadline = Time(Duration(i / 4 + random() % 50));
      queue.Add(job);
      expected.emplace(std::pair(job.info.deadline, job.info.id), &job);
    } else {
      const auto leaves =
          random() % 4 == 0 ? expected.begin() : std::next(expected.begin(), random() % expected.size());
      queue.Remove(*leaves->second);
      expected.erase(leaves);
    }
    ASSERT_EQ(queue.first(), expected.empty() ? nullptr : expected.begin()->second);
  }
}

}  // namespace
}  // namespace accelerd
