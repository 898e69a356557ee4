#ifndef ACCELERD_FRONTEND_HTTP_SOCKET_HOLDERS_H_
#define ACCELERD_FRONTEND_HTTP_SOCKET_HOLDERS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"

namespace accelerd {

/// Finds the processes that hold sockets, by the links in /proc/PID/fd: microseconds a descriptor of the machine. It
/// sees its own user's processes, and those of all users as root or with CAP_SYS_PTRACE. Not thread-safe.
///
/// Processes that held one before are looked into first. Looking into all of them in vain is limited to a tenth of the
/// time: who hides cannot keep a processor busy.
class SocketHolders {
 public:
  explicit SocketHolders(std::string proc = "/proc", const Clock& clock = Clock::Steady());

  struct Result {
    std::map<std::uint32_t, pid_t> found;  ///< By inode.
    bool complete = false;                 ///< What is not in `found` is held by no process that can be seen.
  };

  Result Find(std::set<std::uint32_t> inodes);

 private:
  bool LookInto(pid_t pid, std::set<std::uint32_t>& inodes, Result& result) const;
  void LookIntoKnown(std::set<std::uint32_t>& inodes, Result& result);
  void LookIntoOthers(std::set<std::uint32_t>& inodes, Result& result);

  const std::string proc_;
  const Clock& clock_;
  std::vector<pid_t> known_;  ///< Those found last first.
  Time next_scan_{};
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_SOCKET_HOLDERS_H_
