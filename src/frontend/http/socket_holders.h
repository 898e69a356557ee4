#ifndef ACCELERD_FRONTEND_HTTP_SOCKET_HOLDERS_H_
#define ACCELERD_FRONTEND_HTTP_SOCKET_HOLDERS_H_

#include <dirent.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"

namespace accelerd {

/// Sockets of this machine by inode, each with the user who made it.
using SocketUsers = std::map<std::uint32_t, uid_t>;

/// A search for the processes that hold sockets, by the links in /proc/PID/fd. It takes about two microseconds for each
/// descriptor that is looked at, and can be done in parts. It sees the processes of its own user, and those of all
/// users as root or with CAP_SYS_PTRACE. Not thread-safe.
///
/// Processes of the users who made the sockets come first, and the first descriptors of every process come before the
/// others of any: a process with very many descriptors delays the search for another one little.
class HolderSearch {
 public:
  /// `known`: processes to look into before all others. `known_only`: no others are looked into.
  HolderSearch(std::string proc, std::vector<pid_t> known, bool known_only, SocketUsers wanted);

  /// Goes on searching until `until`, and a little longer. true: the search is over.
  bool Advance(const Clock& clock, Time until);

  /// The holders that were found and not taken yet, by inode.
  std::map<std::uint32_t, pid_t> TakeFound();
  /// What was not found yet.
  const SocketUsers& wanted() const { return wanted_; }
  /// Whether every process that can be seen is looked into by the end.
  bool complete() const { return !known_only_; }
  /// Time that the parts of the search took.
  Duration spent() const { return spent_; }

 private:
  enum class Stage { kKnown, kList, kOthers, kDeep, kOver };
  struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
  };
  using Folder = std::unique_ptr<DIR, CloseFolder>;

  /// Does a small step; false: the search is over.
  bool Step();
  void NextStage();
  void ListProcesses();
  void LookIntoProcess();
  bool IsWantedUser(pid_t pid) const;

  const std::string proc_;
  const std::vector<pid_t> known_;
  const bool known_only_;
  SocketUsers wanted_;
  std::set<uid_t> users_;
  std::map<std::uint32_t, pid_t> found_;
  Duration spent_{};

  Stage stage_ = Stage::kKnown;
  std::deque<pid_t> processes_;  ///< To be looked into in this stage. The first one is being looked into.
  std::vector<pid_t> own_;       ///< Processes of the users who made the sockets.
  std::vector<pid_t> others_;
  std::deque<pid_t> large_;  ///< Processes with more descriptors than were looked at.
  Folder folder_;            ///< The folder that is being read: /proc, or the descriptors of the first process.
  std::size_t looked_at_ = 0;
};

/// Begins searches, and remembers the processes that were found last. Not thread-safe.
///
/// Searches in vain are limited to a tenth of the time for each user: who hides cannot keep a processor busy, and
/// delays nobody but its own user's processes.
class SocketHolders {
 public:
  explicit SocketHolders(std::string proc = "/proc", const Clock& clock = Clock::Steady());

  std::unique_ptr<HolderSearch> Begin(SocketUsers wanted) const;

  /// Takes what a search found since the last call for it. REQUIRES: `search` is from Begin.
  std::map<std::uint32_t, pid_t> Learn(HolderSearch& search);

  /// Notes that a search ends, or goes on in the background, without what it has not found.
  void NoteMisses(const HolderSearch& search);

 private:
  const std::string proc_;
  const Clock& clock_;
  std::vector<pid_t> known_;  ///< Those found last first.
  std::map<uid_t, Time> next_scan_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_SOCKET_HOLDERS_H_
