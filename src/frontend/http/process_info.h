#ifndef ACCELERD_FRONTEND_HTTP_PROCESS_INFO_H_
#define ACCELERD_FRONTEND_HTTP_PROCESS_INFO_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace accelerd {

/// A process of this machine. The kernel gives the number of one that ended to another, which starts later.
struct ProcessInfo {
  pid_t pid = 0;
  std::uint64_t started = 0;  ///< In ticks since the machine's start; 0: not known.
  std::string name = {};      ///< What it calls itself, which it may change; control characters escaped.
};

/// What /proc/PID/stat tells; the number alone when it cannot be read.
ProcessInfo ReadProcess(pid_t pid, const std::string& proc = "/proc");

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_PROCESS_INFO_H_
