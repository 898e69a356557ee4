#include "base/cpu_pool.h"

#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "base/contain_exceptions.h"

namespace accelerd {
namespace {

/// The calls that the work should have completed, but for an exception, complete with an error when it is destroyed.
void RunAndDestroy(CpuPool::Work work) {
  ContainExceptions("cpu-pool", [&work] { std::move(work)(); });
  RefillMemoryReserve();
}

}  // namespace

CpuPool::CpuPool(int threads) {
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

CpuPool::~CpuPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void CpuPool::Post(Priority priority, Work work) {
  {
    const std::lock_guard lock(mutex_);
    queues_.at(static_cast<std::size_t>(priority)).push_back(std::move(work));
  }
  wake_.notify_one();
}

void CpuPool::Drain() {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [this] { return running_ == 0 && NextQueue() == nullptr; });
}

std::deque<CpuPool::Work>* CpuPool::NextQueue() {
  auto* const found = std::find_if(queues_.begin(), queues_.end(), [](const auto& queue) { return !queue.empty(); });
  return found == queues_.end() ? nullptr : found;
}

void CpuPool::Run() {
  prctl(PR_SET_NAME, "cpu-pool");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || NextQueue() != nullptr; });
    std::deque<Work>* const queue = NextQueue();
    if (queue == nullptr) {
      return;
    }
    Work work = std::move(queue->front());
    queue->pop_front();
    ++running_;
    lock.unlock();
    RunAndDestroy(std::move(work));  // What the work holds is released outside the lock, too.
    lock.lock();
    if (--running_ == 0) {
      drained_.notify_all();
    }
  }
}

}  // namespace accelerd
