#include "engine/device_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

/// In a sticky directory the kernel refuses O_CREAT on a file of somebody else, so that the two cases are apart.
UniqueFd OpenOrCreate(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
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

/// Whether the owner that is named there, "process 123 …", has ended.
bool NamesTheDead(const std::string& name) {
  int process = 0;
  return std::sscanf(name.c_str(), "process %d", &process) == 1 && kill(process, 0) != 0 && errno == ESRCH;
}

/// Who holds the lock. Who has taken it a moment ago has not written its name yet: it is given a second. A worker may
/// hold the lock of a service that is dead.
std::string ReadOwners(int file) {
  std::vector<std::string> names;
  std::string last = "another process";
  for (int i = 0; i < 100; ++i) {
    names = ReadNames(file);
    last = names.empty() ? last : names.back();
    std::erase_if(names, NamesTheDead);
    if (!names.empty()) {
      return absl::StrJoin(names, ", ");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return last;
}

absl::Status CannotLock(const DeviceKey& key, const std::string& path) {
  return absl::UnavailableError(fmt::format("cannot lock device {} with {}: {}; choose another --lock-dir", key.name,
                                            path, std::generic_category().message(errno)));
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

absl::StatusOr<UniqueFd> Lock(const std::string& directory, const DeviceKey& key, std::string_view owner) {
  const std::string path = fmt::format("{}/accelerd-{}", directory, FileNameOf(key.name));
  UniqueFd file = OpenOrCreate(path);
  if (!file.valid()) {
    return CannotLock(key, path);
  }
  if (flock(file.get(), (key.shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return CannotLock(key, path);
    }
    return absl::AlreadyExistsError(
        fmt::format("device {} is owned by {} ({}); stop it, use its service, or name "
                    "another device",
                    key.name, ReadOwners(file.get()), path));
  }
  if (!WriteName(file.get(), key.shared, owner)) {
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
