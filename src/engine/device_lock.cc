#include "engine/device_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "engine/lock_holders.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// Of a file that is shared by many, one after the other: then only those who come now are named.
constexpr off_t kMostBytesOfNames = 64 << 10;

/// `name` as part of a file's. Different ones may not share one: what is replaced is told apart by a hash.
std::string FileNameOf(std::string_view name) {
  std::string key;
  for (const char character : name) {
    key += std::isalnum(static_cast<unsigned char>(character)) != 0 ? character : '_';
  }
  if (key == name) {
    return key;
  }
  std::uint32_t hash = 2166136261U;  // FNV-1a.
  for (const char character : name) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 16777619U;
  }
  return fmt::format("{}_{:08x}", key.substr(std::max<std::size_t>(key.size(), 100) - 100), hash);
}

/// Opens the file, or creates it. In a sticky directory the kernel refuses O_CREAT on a file of somebody else, so that
/// the two cases are apart.
UniqueFd OpenOrCreate(const std::string& path) {
  // O_NONBLOCK: there may be a device or a FIFO.
  constexpr int kFlags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  UniqueFd file(open(path.c_str(), kFlags));
  if (!file.valid() && errno == ENOENT) {
    file = UniqueFd(open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0666));
    if (file.valid()) {
      fchmod(file.get(), 0666);  // Whatever the umask: the lock is for all users.
    } else if (errno == EEXIST) {
      file = UniqueFd(open(path.c_str(), kFlags));
    }
  }
  return file;
}

/// The lines of the file: who has taken the lock since somebody had it alone.
std::vector<std::string> ReadNames(int file) {
  std::string text(kMostBytesOfNames, '\0');
  const ssize_t count = pread(file, text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

/// Reads the names. A holder who took the lock a moment ago may not have written its name yet: it gets a second.
std::vector<std::string> ReadNamesOfHolders(int file) {
  const UniqueFd changes(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  inotify_add_watch(changes.get(), fmt::format("/proc/self/fd/{}", file).c_str(), IN_MODIFY);
  const Time end = Clock::Steady().Now() + std::chrono::seconds(1);
  for (;;) {
    std::vector<std::string> names = ReadNames(file);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::Steady().Now()).count();
    pollfd change{.fd = changes.get(), .events = POLLIN, .revents = 0};
    if (AllHoldersHaveLines(file, names) || left <= 0 || poll(&change, 1, static_cast<int>(left)) <= 0) {
      return names;
    }
    std::array<char, 4096> events{};
    static_cast<void>(!read(changes.get(), events.data(), events.size()));
  }
}

absl::Status CannotLock(const DeviceKey& key, const std::string& path, std::string_view why) {
  return absl::UnavailableError(
      fmt::format("cannot lock device {} with {}: {}; choose another --lock-dir", key.name, path, why));
}

absl::Status CannotLock(const DeviceKey& key, const std::string& path, int error) {
  return CannotLock(key, path,
                    error == ELOOP ? "it is a symbolic link, which somebody else may have put there; remove it"
                                   : std::generic_category().message(error));
}

/// Of who holds the lock: alone, or beside others.
bool WriteName(int file, bool shared, std::string_view owner) {
  struct stat status{};
  if (fstat(file, &status) != 0) {
    return false;
  }
  const std::string line = fmt::format("{}\n", owner);
  const bool afresh = !shared || status.st_size + static_cast<off_t>(line.size()) > kMostBytesOfNames;
  return (!afresh || ftruncate(file, 0) == 0) && write(file, line.data(), line.size()) >= 0;
}

/// Whether `file` is a lock's: not a link's target, and not a file of somebody that was given a second name.
absl::Status CheckLockFile(const DeviceKey& key, const std::string& path, const struct stat& file) {
  if (!S_ISREG(file.st_mode)) {
    return CannotLock(key, path, "it is not a regular file; remove it");
  }
  if (file.st_nlink > 1) {
    return CannotLock(key, path,
                      "it is a hard link of another file, which somebody else may have put there; remove it");
  }
  return absl::OkStatus();
}

/// Opens the file of the lock and takes the lock. kAborted: the file was removed meanwhile.
absl::StatusOr<UniqueFd> TryLock(const std::string& path, const DeviceKey& key) {
  UniqueFd file = OpenOrCreate(path);
  struct stat opened{};
  if (!file.valid() || fstat(file.get(), &opened) != 0) {
    return CannotLock(key, path, errno);
  }
  ACCELERD_RETURN_IF_ERROR(CheckLockFile(key, path, opened));
  if (flock(file.get(), (key.shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return CannotLock(key, path, errno);
    }
    return absl::AlreadyExistsError(
        fmt::format("device {} is owned by {} ({}); stop it, use its service, or name another device", key.name,
                    DescribeLockHolders(file.get(), ReadNamesOfHolders(file.get())), path));
  }
  // A file that has no name any more keeps nobody off.
  struct stat named{};
  if (lstat(path.c_str(), &named) != 0 || named.st_dev != opened.st_dev || named.st_ino != opened.st_ino) {
    return absl::AbortedError("");
  }
  return file;
}

absl::StatusOr<UniqueFd> Lock(const std::string& directory, const DeviceKey& key, std::string_view owner) {
  constexpr int kAttempts = 10;
  const std::string path = fmt::format("{}/accelerd-{}", directory, FileNameOf(key.name));
  absl::StatusOr<UniqueFd> file = TryLock(path, key);
  for (int i = 1; i < kAttempts && absl::IsAborted(file.status()); ++i) {
    file = TryLock(path, key);
  }
  if (absl::IsAborted(file.status())) {
    return CannotLock(key, path, "it is removed again and again");
  }
  ACCELERD_RETURN_IF_ERROR(file.status());
  if (!WriteName(file->get(), key.shared, owner)) {
    return absl::UnavailableError(fmt::format("cannot write {}: {}", path, std::generic_category().message(errno)));
  }
  return file;
}

}  // namespace

absl::StatusOr<DeviceLock> DeviceLock::Acquire(const std::string& directory, const std::vector<DeviceKey>& keys,
                                               std::string_view owner) {
  std::vector<UniqueFd> files;
  for (const DeviceKey& key : keys) {
    ACCELERD_ASSIGN_OR_RETURN(files.emplace_back(), Lock(directory, key, owner));
  }
  return DeviceLock(std::move(files));
}

std::vector<int> DeviceLock::descriptors() const {
  std::vector<int> descriptors;
  for (const UniqueFd& file : files_) {
    descriptors.push_back(file.get());
  }
  return descriptors;
}

}  // namespace accelerd
