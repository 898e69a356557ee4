#include "engine/device_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

/// Device strings of the runtime that combine other devices.
constexpr std::array<std::string_view, 4> kCombinations = {"AUTO", "BATCH", "HETERO", "MULTI"};

/// `device` as part of a file's name. Different devices may not share one: what is replaced is told apart by a hash.
std::string KeyOf(std::string_view device) {
  std::string key;
  for (const char character : device) {
    key += std::isalnum(static_cast<unsigned char>(character)) != 0 ? character : '_';
  }
  if (key == device) {
    return key;
  }
  std::uint32_t hash = 2166136261U;  // FNV-1a.
  for (const char character : device) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 16777619U;
  }
  return fmt::format("{}_{:08x}", key.substr(std::max<std::size_t>(key.size(), 100) - 100), hash);
}

/// In a sticky directory the kernel refuses O_CREAT on a file of somebody else, so that the two cases are apart.
UniqueFd OpenOrCreate(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
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

std::string ReadText(int file) {
  std::array<char, 200> text;
  const ssize_t count = pread(file, text.data(), text.size(), 0);
  return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count)) : "";
}

/// Whether the owner that is named there, "process 123 …", has ended.
bool NamesTheDead(const std::string& text) {
  int process = 0;
  return std::sscanf(text.c_str(), "process %d", &process) == 1 && kill(process, 0) != 0 && errno == ESRCH;
}

/// Who has taken the lock a moment ago has not written its name yet: it is given a second. A worker may hold the lock
/// of a service that is dead.
std::string ReadOwner(int file) {
  std::string owner = ReadText(file);
  for (int i = 0; i < 100 && (owner.empty() || NamesTheDead(owner)); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    owner = ReadText(file);
  }
  return owner.empty() ? "another process" : owner;
}

/// The devices that a device string names, combinations left out.
std::vector<std::string> NamedDevices(std::string_view device) {
  if (device.starts_with("SIMULATED:")) {
    return {std::string(device)};
  }
  std::vector<std::string> devices;
  std::string name;
  int depth = 0;
  const auto finish = [&] {
    const bool combination = std::find(kCombinations.begin(), kCombinations.end(), name) != kCombinations.end();
    if (!name.empty() && !combination) {
      devices.push_back(name);
    }
    name.clear();
  };
  for (const char character : device) {
    depth += character == '(' ? 1 : 0;
    if (character == ':' || character == ',' || character == '(') {
      finish();
    } else if (depth == 0 &&
               (character != '-' || !name.empty())) {  // "AUTO:-MYRIAD" leaves one out; its lock does no harm.
      name += character;
    }
    depth -= character == ')' ? 1 : 0;
  }
  finish();
  return devices;
}

}  // namespace

std::vector<std::string> ExclusiveDevices(std::string_view device) {
  std::vector<std::string> devices = NamedDevices(device);
  std::erase(devices, "CPU");
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  return devices;
}

bool IsCpuAlone(std::string_view device) {
  const std::vector<std::string> devices = NamedDevices(device);
  return !devices.empty() && std::ranges::all_of(devices, [](const std::string& name) { return name == "CPU"; });
}

absl::StatusOr<DeviceLock> DeviceLock::Acquire(const std::string& directory, std::string_view device,
                                               std::string_view owner) {
  const std::string path = fmt::format("{}/accelerd-{}", directory, KeyOf(device));
  UniqueFd file = OpenOrCreate(path);
  if (!file.valid()) {
    return absl::UnavailableError(fmt::format("cannot lock device {} with {}: {}; choose another --lock-dir", device,
                                              path, std::generic_category().message(errno)));
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return absl::UnavailableError(fmt::format("cannot lock device {} with {}: {}; choose another --lock-dir", device,
                                                path, std::generic_category().message(errno)));
    }
    return absl::AlreadyExistsError(
        fmt::format("device {} is owned by {} ({}); stop it, or use its service", device, ReadOwner(file.get()), path));
  }
  if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), owner.data(), owner.size(), 0) < 0) {
    return absl::UnavailableError(fmt::format("cannot write {}: {}", path, std::generic_category().message(errno)));
  }
  return DeviceLock(std::move(file));
}

}  // namespace accelerd
