#ifndef ACCELERD_FRONTEND_HTTP_PROCESS_FINDER_H_
#define ACCELERD_FRONTEND_HTTP_PROCESS_FINDER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "frontend/http/process_info.h"

namespace accelerd {

/// Finds the processes behind sockets on a thread of its own, which starts with the first search. Thread-safe.
///
/// Searches that come while one goes on are made together.
class ProcessFinder {
 public:
  struct Answer {
    std::optional<ProcessInfo> process;
    bool final = false;  ///< Without a process: asking again is of no use.
  };
  using Found = std::function<void(Answer)>;

  ProcessFinder() = default;
  /// Drops the searches that are not done.
  ~ProcessFinder();
  ProcessFinder(const ProcessFinder&) = delete;
  ProcessFinder& operator=(const ProcessFinder&) = delete;

  /// Calls `found` once, on the thread, with who holds the socket. REQUIRES: no search for it is under way.
  void Find(std::uint32_t inode, Found found);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, Found> wanted_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_PROCESS_FINDER_H_
