#include "backend/simulated/stick_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr off_t kEditorByte = 0;
constexpr off_t kOwnerByte = 1;
constexpr mode_t kNewFileMode = 0644;
constexpr mode_t kLockFileMode = 0666;  // Whoever may read the stick may ask who owns it.
constexpr std::size_t kMaxBytes = 1 << 20;

absl::Status ErrorOf(std::string_view what, const std::string& path) {
  return absl::UnavailableError(fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno)));
}

/// Through symbolic links, so that every name of the file leads to the same lock.
std::string Resolve(const std::string& path) {
  std::error_code error;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, error);
  return error ? path : resolved.string();
}

struct flock LockOf(off_t byte, short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

bool SetLock(const UniqueFd& file, off_t byte, short type, int command) {
  struct flock lock = LockOf(byte, type);
  int result = 0;
  do {
    result = fcntl(file.get(), command, &lock);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

/// The lock of editors, for a scope.
class EditorLock {
 public:
  explicit EditorLock(const UniqueFd& file) : file_(file), held_(SetLock(file, kEditorByte, F_WRLCK, F_OFD_SETLKW)) {}
  ~EditorLock() { SetLock(file_, kEditorByte, F_UNLCK, F_OFD_SETLK); }
  EditorLock(const EditorLock&) = delete;
  EditorLock& operator=(const EditorLock&) = delete;

  bool held() const { return held_; }

 private:
  const UniqueFd& file_;
  bool held_;
};

absl::StatusOr<std::string> ReadAll(const UniqueFd& file, const std::string& path) {
  std::string text;
  char chunk[4096];
  ssize_t count = 0;
  while ((count = read(file.get(), chunk, sizeof chunk)) != 0) {
    if (count < 0) {
      return ErrorOf("read", path);
    }
    text.append(chunk, static_cast<std::size_t>(count));
    if (text.size() > kMaxBytes) {
      return absl::FailedPreconditionError(fmt::format("{} is no stick: it has more than {} bytes", path, kMaxBytes));
    }
  }
  return text;
}

/// Puts `from` in the place of `to`. An exchange where it can: when a file is renamed over another one, ext4 waits for
/// the disk, so that a machine without power finds one of them; a simulated stick need not survive that.
bool Replace(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    unlink(from.c_str());
    return true;
  }
  return std::rename(from.c_str(), to.c_str()) == 0;
}

}  // namespace

StickFile::StickFile(const std::string& path) : path_(Resolve(path)), lock_path_(path_ + ".lock") {}

absl::StatusOr<StickState> StickFile::Update(const std::function<absl::Status(StickState&)>& edit) {
  const std::lock_guard lock(mutex_);
  if (!lock_.valid()) {
    ACCELERD_ASSIGN_OR_RETURN(lock_, OpenLockFile());
  }
  const EditorLock editor(lock_);
  if (!editor.held()) {
    return ErrorOf("lock", lock_path_);
  }
  ACCELERD_ASSIGN_OR_RETURN(StickState state, Load());
  ApplySchedule(state, WallClockSeconds());
  ACCELERD_RETURN_IF_ERROR(edit(state));
  ACCELERD_RETURN_IF_ERROR(Store(state));
  return state;
}

absl::StatusOr<StickState> StickFile::Read() {
  const std::lock_guard lock(mutex_);
  ACCELERD_ASSIGN_OR_RETURN(StickState state, Load());
  ApplySchedule(state, WallClockSeconds());
  return state;
}

bool StickFile::Changed() {
  const std::lock_guard lock(mutex_);
  struct stat status{};
  if (stat(path_.c_str(), &status) != 0) {
    return seen_.valid();
  }
  return !seen_.valid() || status.st_ino != seen_status_.st_ino || status.st_dev != seen_status_.st_dev ||
         status.st_size != seen_status_.st_size || status.st_mtim.tv_sec != seen_status_.st_mtim.tv_sec ||
         status.st_mtim.tv_nsec != seen_status_.st_mtim.tv_nsec;
}

absl::StatusOr<StickFile::Ownership> StickFile::Own() {
  ACCELERD_ASSIGN_OR_RETURN(UniqueFd file, OpenLockFile());
  if (!SetLock(file, kOwnerByte, F_WRLCK, F_OFD_SETLK)) {
    return absl::UnavailableError(fmt::format("another process owns {}", path_));
  }
  return file;
}

absl::StatusOr<bool> StickFile::Owned() {
  ACCELERD_ASSIGN_OR_RETURN(const UniqueFd file, OpenLockFile());
  struct flock lock = LockOf(kOwnerByte, F_WRLCK);
  if (fcntl(file.get(), F_OFD_GETLK, &lock) != 0) {
    return ErrorOf("look at the lock of", lock_path_);
  }
  return lock.l_type != F_UNLCK;
}

absl::StatusOr<UniqueFd> StickFile::OpenLockFile() const {
  // O_CREAT on another user's file in a sticky directory is refused, even when the file may be written.
  UniqueFd file(open(lock_path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) {
    file = UniqueFd(open(lock_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kLockFileMode));
    if (file.valid()) {
      fchmod(file.get(), kLockFileMode);
    }
  }
  if (!file.valid()) {
    return ErrorOf("open", lock_path_);
  }
  return file;
}

absl::StatusOr<StickState> StickFile::Load() {
  UniqueFd file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) {
    seen_ = UniqueFd();
    return StickState();
  }
  if (!file.valid()) {
    return ErrorOf("open", path_);
  }
  const absl::StatusOr<std::string> text = ReadAll(file, path_);
  Remember(std::move(file));
  ACCELERD_RETURN_IF_ERROR(text.status());
  absl::StatusOr<StickState> state = ParseStickState(*text);
  if (!state.ok()) {
    return absl::FailedPreconditionError(
        fmt::format("{} is no state of a simulated stick: {}", path_, Message(state.status())));
  }
  return state;
}

absl::Status StickFile::Store(const StickState& state) {
  const std::string temporary = path_ + ".new";
  unlink(temporary.c_str());  // Of an editor that was killed.
  UniqueFd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFileMode));
  if (!file.valid()) {
    return ErrorOf("create", temporary);
  }
  // Whoever edits it, it stays its owner's file.
  if (struct stat old{}; stat(path_.c_str(), &old) == 0) {
    [[maybe_unused]] const int ignored = fchown(file.get(), old.st_uid, old.st_gid);
    fchmod(file.get(), old.st_mode & 07777);
  }
  const std::string text = StickStateToJson(state);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || !Replace(temporary, path_)) {
    const absl::Status status = ErrorOf("write", path_);
    unlink(temporary.c_str());
    return status;
  }
  Remember(std::move(file));
  return absl::OkStatus();
}

void StickFile::Remember(UniqueFd file) {
  fstat(file.get(), &seen_status_);
  seen_ = std::move(file);
}

}  // namespace accelerd
