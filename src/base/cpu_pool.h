#ifndef ACCELERD_BASE_CPU_POOL_H_
#define ACCELERD_BASE_CPU_POOL_H_

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace accelerd {

/// A fixed number of threads for work that costs processor time and never waits: decoding, resizing, postprocessing,
/// rendering.
///
/// The pool does not bound its queue: callers admit work before they post it. Thread-safe.
class CpuPool {
 public:
  using Work = absl::AnyInvocable<void() &&>;

  /// Work that an answer waits for goes before the preparation of further work.
  enum class Priority { kFinish, kPrepare };

  /// Starts `threads` threads. REQUIRES: threads >= 1.
  explicit CpuPool(int threads);

  /// Runs what was posted, then joins the threads.
  ~CpuPool();
  CpuPool(const CpuPool&) = delete;
  CpuPool& operator=(const CpuPool&) = delete;

  /// Runs `work` on one of the threads: first in, first out within a priority. `work` must not throw.
  void Post(Priority priority, Work work);

  /// Waits until everything that was posted has run, what it posted meanwhile included. Whoever posts work that refers
  /// to an object calls it before the object goes, and after the last call to it. REQUIRES: not on one of the threads.
  void Drain();

 private:
  void Run();
  /// Of the highest priority that has work; null: none has.
  std::deque<Work>* NextQueue();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable drained_;
  std::array<std::deque<Work>, 2> queues_;  ///< By Priority.
  int running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_CPU_POOL_H_
