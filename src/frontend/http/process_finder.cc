#include "frontend/http/process_finder.h"

#include <sys/prctl.h>

#include <set>
#include <utility>

#include "frontend/http/socket_holders.h"

namespace accelerd {

ProcessFinder::~ProcessFinder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void ProcessFinder::Find(std::uint32_t inode, Found found) {
  const std::lock_guard lock(mutex_);
  wanted_[inode] = std::move(found);
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
  }
  changed_.notify_all();
}

void ProcessFinder::Run() {
  prctl(PR_SET_NAME, "peers");
  SocketHolders holders;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !wanted_.empty(); });
    if (stopping_) {
      return;
    }
    const std::map<std::uint32_t, Found> searches = std::exchange(wanted_, {});
    lock.unlock();
    std::set<std::uint32_t> inodes;
    for (const auto& [inode, found] : searches) {
      inodes.insert(inode);
    }
    const SocketHolders::Result result = holders.Find(std::move(inodes));
    for (const auto& [inode, found] : searches) {
      const auto holder = result.found.find(inode);
      found(holder == result.found.end() ? Answer{.process = std::nullopt, .final = result.complete}
                                         : Answer{.process = ReadProcess(holder->second), .final = true});
    }
    lock.lock();
  }
}

}  // namespace accelerd
