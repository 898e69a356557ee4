#ifndef ACCELERD_ENGINE_LOCK_HOLDERS_H_
#define ACCELERD_ENGINE_LOCK_HOLDERS_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace accelerd {

/// Returns the processes that hold an flock on the open file `file`, each once, as /proc/locks names them. That is the
/// process that took the lock: it may have ended while a process that inherited the descriptor keeps the lock.
/// Processes in containers of their own may be missing.
std::vector<pid_t> LockHolders(int file);

/// Returns whether each process that holds an flock on `file` has a line among `lines`.
bool AllHoldersHaveLines(int file, const std::vector<std::string>& lines);

/// Describes who holds an flock on `file`, for people. `lines` is what holders have written into the file, "process 12
/// at …" each; anybody may have written there, so that a line counts only for a process that really holds the lock.
std::string DescribeLockHolders(int file, const std::vector<std::string>& lines);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOCK_HOLDERS_H_
