#include "engine/alarm.h"

#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "base/contain_exceptions.h"

namespace accelerd {
namespace {

// Keeps the sum of now and the wait within range.
constexpr Duration kLongestWait = std::chrono::hours(1);

constexpr Duration kAfterException = std::chrono::milliseconds(100);

}  // namespace

Alarm::Alarm(std::function<void()> ring, const Clock& clock)
    : ring_(std::move(ring)), clock_(clock), thread_([this] { Run(); }) {}

Alarm::~Alarm() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Alarm::Set(std::optional<Time> at) {
  {
    const std::lock_guard lock(mutex_);
    at_ = at;
    // A later time is found when the thread wakes for the earlier one: most deadlines move on, few come nearer.
    if (!at || (waiting_until_ && *waiting_until_ <= *at)) {
      return;
    }
  }
  wake_.notify_one();
}

void Alarm::Run() {
  prctl(PR_SET_NAME, "alarm");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    waiting_until_ = at_;
    if (!at_) {
      wake_.wait(lock);
      continue;
    }
    const Time now = clock_.Now();
    if (now < *at_) {
      wake_.wait_for(lock, std::min(*at_ - now, kLongestWait));
      continue;
    }
    at_.reset();
    lock.unlock();
    const bool rung = ContainExceptions("alarm", ring_);
    lock.lock();
    if (!rung) {
      // What was due is still due; memory may be there again.
      const Time again = clock_.Now() + kAfterException;
      at_ = at_ ? std::min(*at_, again) : again;
    }
  }
}

}  // namespace accelerd
