#ifndef ACCELERD_FRONTEND_HTTP_PROCESS_FINDER_H_
#define ACCELERD_FRONTEND_HTTP_PROCESS_FINDER_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "frontend/http/process_info.h"

namespace accelerd {

class HolderSearch;
class SocketHolders;

/// Finds the processes behind sockets on a thread of its own, which starts with the first search. Thread-safe.
///
/// Searches that come while one goes on are made together. Each is answered when it has used kAnswerBound of processor
/// time, or after kLongestWait, whatever the machine's processes hold. What is not found by then is searched for in the
/// background, in a tenth of the time.
class ProcessFinder {
 public:
  static constexpr std::chrono::milliseconds kAnswerBound{20};
  static constexpr std::chrono::milliseconds kLongestWait{200};

  struct Answer {
    std::optional<ProcessInfo> process;
    bool final = false;  ///< If there is no process: asking again is of no use.
    bool later = false;  ///< If there is no process: the search goes on, and another answer follows.
  };
  using Found = std::function<void(Answer)>;

  ProcessFinder();
  /// Drops the searches that are not done.
  ~ProcessFinder();
  ProcessFinder(const ProcessFinder&) = delete;
  ProcessFinder& operator=(const ProcessFinder&) = delete;

  /// Calls `found` on the thread with who holds the socket, which `user` made: once, or a second time after an answer
  /// that says so. REQUIRES: no search for it is under way.
  void Find(std::uint32_t inode, uid_t user, Found found);

 private:
  struct Socket {
    uid_t user = 0;
    Found found;
  };
  using Sockets = std::map<std::uint32_t, Socket>;
  struct BackgroundSearch {
    std::unique_ptr<HolderSearch> search;
    Sockets sockets;
  };

  void Run();
  void Search(SocketHolders& holders, Sockets sockets);
  void SearchInBackground(SocketHolders& holders);

  std::mutex mutex_;
  std::condition_variable changed_;
  Sockets wanted_;
  std::deque<BackgroundSearch> background_;  ///< Used by the thread alone.
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_PROCESS_FINDER_H_
