#include "base/cpu_pool.h"

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(CpuPoolTest, RunsEverythingBeforeItIsDestroyed) {
  std::atomic<int> runs = 0;
  {
    CpuPool pool(3);
    for (int i = 0; i < 1000; ++i) {
      pool.Post(i % 2 == 0 ? CpuPool::Priority::kFinish : CpuPool::Priority::kPrepare, [&runs] { ++runs; });
    }
  }
  EXPECT_EQ(runs, 1000);
}

TEST(CpuPoolTest, FinishesThenPrepares) {
  std::string order;
  std::promise<void> gate;
  {
    CpuPool pool(1);
    pool.Post(CpuPool::Priority::kPrepare, [&gate] { gate.get_future().wait(); });
    pool.Post(CpuPool::Priority::kPrepare, [&order] { order += 'p'; });
    pool.Post(CpuPool::Priority::kFinish, [&order] { order += 'f'; });
    pool.Post(CpuPool::Priority::kFinish, [&order] { order += 'g'; });
    gate.set_value();
  }
  EXPECT_EQ(order, "fgp");
}

TEST(CpuPoolTest, DrainsWhatWorkPosts) {
  CpuPool pool(2);
  std::promise<void> gate;
  std::atomic<int> runs = 0;
  pool.Post(CpuPool::Priority::kPrepare, [&] {
    gate.get_future().wait();
    pool.Post(CpuPool::Priority::kFinish, [&] {
      ++runs;
      pool.Post(CpuPool::Priority::kPrepare, [&runs] { ++runs; });
    });
  });
  std::thread opener([&gate] { gate.set_value(); });
  pool.Drain();
  EXPECT_EQ(runs, 2);
  opener.join();
  pool.Post(CpuPool::Priority::kPrepare, [&runs] { ++runs; });
  pool.Drain();
  EXPECT_EQ(runs, 3);
  pool.Drain();
}

TEST(CpuPoolTest, AnExceptionEndsItsWorkAlone) {
  CpuPool pool(1);
  const auto held = std::make_shared<int>(0);
  pool.Post(CpuPool::Priority::kPrepare, [held] { throw std::bad_alloc(); });
  std::atomic<int> runs = 0;
  pool.Post(CpuPool::Priority::kPrepare, [&runs] { ++runs; });
  pool.Drain();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(CpuPoolTest, DrainedWorkIsDestroyed) {
  CpuPool pool(2);
  const auto held = std::make_shared<int>(0);
  for (int i = 0; i < 100; ++i) {
    pool.Post(CpuPool::Priority::kPrepare, [held] { (void)held; });
  }
  pool.Drain();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace accelerd
