#ifndef ACCELERD_BACKEND_SIMULATED_STICK_FILE_H_
#define ACCELERD_BACKEND_SIMULATED_STICK_FILE_H_

#include <sys/stat.h>

#include <functional>
#include <mutex>
#include <string>

#include "backend/simulated/stick_state.h"
#include "base/unique_fd.h"

namespace accelerd {

/// The state file of a simulated stick, shared by all processes that know its path.
///
/// FILE is replaced as a whole, so that it can be read at any time and a crash leaves it as it was. Beside it lies
/// FILE.lock with two locks on open file descriptions, which the kernel drops with the process that holds them: one of
/// who edits FILE, one of who owns the stick. Thread-safe.
class StickFile {
 public:
  explicit StickFile(const std::string& path);

  const std::string& path() const { return path_; }

  /// Edits the state under the lock of editors and returns the result; what is due by the schedule is carried out
  /// before. A missing file is a new stick. An error of `edit` leaves the file as it was. kFailedPrecondition: the file
  /// is malformed. Waits for other editors.
  absl::StatusOr<StickState> Update(const std::function<absl::Status(StickState&)>& edit);

  /// The state, with what is due by the schedule, but without writing it.
  absl::StatusOr<StickState> Read();

  /// Whether someone else changed the file since this object read or wrote it. Costs one system call.
  bool Changed();

  /// The stick in the hands of its only owner, until it is destroyed.
  using Ownership = UniqueFd;

  /// kUnavailable: another owner has it.
  absl::StatusOr<Ownership> Own();

  /// Whether anybody owns it.
  absl::StatusOr<bool> Owned();

 private:
  absl::StatusOr<UniqueFd> OpenLockFile() const;
  absl::StatusOr<StickState> Load();
  absl::Status Store(const StickState& state);
  void Remember(UniqueFd file);

  const std::string path_;
  const std::string lock_path_;

  std::mutex mutex_;
  UniqueFd lock_;
  UniqueFd seen_;  ///< The file as it was seen last: kept open, its inode number is not given to another one.
  struct stat seen_status_{};
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_STICK_FILE_H_
