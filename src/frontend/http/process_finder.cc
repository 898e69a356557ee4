#include "frontend/http/process_finder.h"

#include <sys/prctl.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "frontend/http/socket_holders.h"

namespace accelerd {
namespace {

// The background has a tenth of the time, in parts that hold up no new search for long.
constexpr std::chrono::milliseconds kBackgroundPart{5};
constexpr std::chrono::milliseconds kBackgroundPause{45};
constexpr std::size_t kMaxBackgroundSearches = 16;

/// Counts the time that this thread runs, so that a search is not cut short because the machine is busy.
class SearchClock : public Clock {
 public:
  /// last() is reached when the thread has run for `bound`, or `longest` from now.
  SearchClock(Duration bound, Duration longest) : last_(Used() + bound), end_(Clock::Steady().Now() + longest) {}

  Time Now() const override { return Clock::Steady().Now() < end_ ? Used() : std::max(Used(), last_); }
  Time last() const { return last_; }

 private:
  static Time Used() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return Time(std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
  }

  const Time last_;
  const Time end_;
};

}  // namespace

ProcessFinder::ProcessFinder() = default;

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

void ProcessFinder::Find(std::uint32_t inode, uid_t user, Found found) {
  const std::lock_guard lock(mutex_);
  wanted_[inode] = {user, std::move(found)};
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
  }
  changed_.notify_all();
}

void ProcessFinder::Run() {
  prctl(PR_SET_NAME, "peers");
  SocketHolders holders;
  std::unique_lock lock(mutex_);
  const auto has_work = [this] { return stopping_ || !wanted_.empty(); };
  while (!stopping_) {
    if (background_.empty()) {
      changed_.wait(lock, has_work);
    } else {
      changed_.wait_for(lock, kBackgroundPause, has_work);
    }
    if (stopping_) {
      return;
    }
    Sockets sockets = std::exchange(wanted_, {});
    lock.unlock();
    if (sockets.empty()) {
      SearchInBackground(holders);
    } else {
      Search(holders, std::move(sockets));
    }
    lock.lock();
  }
}

namespace {

/// Answers for the sockets whose holders a search has found.
template <typename Sockets>
void AnswerFound(SocketHolders& holders, HolderSearch& search, Sockets& sockets) {
  for (const auto& [inode, pid] : holders.Learn(search)) {
    const auto socket = sockets.find(inode);
    socket->second.found({.process = ReadProcess(pid), .final = true, .later = false});
    sockets.erase(socket);
  }
}

}  // namespace

void ProcessFinder::Search(SocketHolders& holders, Sockets sockets) {
  SocketUsers users;
  for (const auto& [inode, socket] : sockets) {
    users.emplace(inode, socket.user);
  }
  std::unique_ptr<HolderSearch> search = holders.Begin(std::move(users));
  const SearchClock clock(kAnswerBound, kLongestWait);
  const bool over = search->Advance(clock, clock.last());
  AnswerFound(holders, *search, sockets);
  if (sockets.empty()) {
    return;
  }
  holders.NoteMisses(*search);
  const bool later = !over && background_.size() < kMaxBackgroundSearches;
  for (const auto& [inode, socket] : sockets) {
    socket.found({.process = std::nullopt, .final = over && search->complete(), .later = later});
  }
  if (later) {
    background_.push_back({std::move(search), std::move(sockets)});
  }
}

void ProcessFinder::SearchInBackground(SocketHolders& holders) {
  BackgroundSearch current = std::move(background_.front());
  background_.pop_front();
  const bool over = current.search->Advance(Clock::Steady(), Clock::Steady().Now() + kBackgroundPart);
  AnswerFound(holders, *current.search, current.sockets);
  if (!over && !current.sockets.empty()) {
    background_.push_back(std::move(current));
    return;
  }
  if (!current.sockets.empty()) {
    holders.NoteMisses(*current.search);
  }
  for (const auto& [inode, socket] : current.sockets) {
    socket.found({.process = std::nullopt, .final = current.search->complete(), .later = false});
  }
}

}  // namespace accelerd
