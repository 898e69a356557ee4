#include "base/cpu_pool.h"

#include <sys/prctl.h>

#include <utility>

namespace accelerd {

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
    (priority == Priority::kFinish ? finish_ : prepare_).push_back(std::move(work));
  }
  wake_.notify_one();
}

void CpuPool::Drain() {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [this] { return running_ == 0 && finish_.empty() && prepare_.empty(); });
}

void CpuPool::Run() {
  prctl(PR_SET_NAME, "cpu-pool");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !finish_.empty() || !prepare_.empty(); });
    std::deque<Work>& queue = finish_.empty() ? prepare_ : finish_;
    if (queue.empty()) {
      return;
    }
    Work work = std::move(queue.front());
    queue.pop_front();
    ++running_;
    lock.unlock();
    std::move(work)();
    // What the work holds is released outside the lock.
    work = nullptr;
    lock.lock();
    if (--running_ == 0) {
      drained_.notify_all();
    }
  }
}

}  // namespace accelerd
