#ifndef ACCELERD_ENGINE_IDLE_WATCH_H_
#define ACCELERD_ENGINE_IDLE_WATCH_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/done.h"

namespace accelerd {

/// Counts what is under way and tells when nothing is. Thread-safe.
class IdleWatch {
 public:
  /// One thing under way, as long as the token lives.
  class Token {
   public:
    explicit Token(std::shared_ptr<IdleWatch> watch) : watch_(std::move(watch)) { watch_->Add(); }
    ~Token() { watch_->Remove(); }
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;

   private:
    std::shared_ptr<IdleWatch> watch_;
  };

  /// Completes when no token lives, at once if none does; else on the thread that ends the last one.
  void Notify(Done<> done) {
    {
      const std::lock_guard lock(mutex_);
      if (count_ > 0) {
        waiters_.push_back(std::move(done));
        return;
      }
    }
    done(absl::OkStatus());
  }

 private:
  void Add() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }

  void Remove() {
    std::vector<Done<>> waiters;
    {
      const std::lock_guard lock(mutex_);
      if (--count_ > 0) {
        return;
      }
      waiters.swap(waiters_);
    }
    for (Done<>& waiter : waiters) {
      waiter(absl::OkStatus());
    }
  }

  std::mutex mutex_;
  std::size_t count_ = 0;
  std::vector<Done<>> waiters_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_IDLE_WATCH_H_
