#include "engine/lock_holders.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "absl/strings/str_join.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// A line of a holder is cut here: anybody may have written it.
constexpr std::size_t kMaxLineBytes = 300;

bool IsSameFile(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// Whether the process has the file open, apart from the descriptor `own` of this process. Returns nothing if this user
/// may not know.
std::optional<bool> HasOpen(pid_t process, const struct stat& file, int own) {
  std::error_code error;
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fd", process), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (process == getpid() && entry->path().filename() == fmt::format("{}", own)) {
      continue;
    }
    struct stat open{};
    if (stat(entry->path().c_str(), &open) == 0 && IsSameFile(open, file)) {
      return true;
    }
  }
  return error ? std::nullopt : std::optional(false);
}

std::string CommandOf(pid_t process) {
  std::string name;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", process)), name);
  return name.empty() ? "unknown" : name;
}

std::string UserOf(pid_t process) {
  struct stat status{};
  return stat(fmt::format("/proc/{}", process).c_str(), &status) == 0 ? fmt::format("user {}", status.st_uid)
                                                                      : std::string("user unknown");
}

/// What the process has written about itself; empty: nothing.
std::string LineOf(pid_t process, const std::vector<std::string>& lines) {
  const std::string prefix = fmt::format("process {} ", process);
  const auto line = std::find_if(lines.rbegin(), lines.rend(),
                                 [&](const std::string& candidate) { return candidate.starts_with(prefix); });
  return line == lines.rend() ? std::string() : line->substr(0, kMaxLineBytes);
}

}  // namespace

std::vector<pid_t> LockHolders(int file) {
  struct stat status{};
  std::vector<pid_t> holders;
  if (fstat(file, &status) != 0) {
    return holders;
  }
  const std::string wanted = fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    int process = 0;
    char kind[16] = {};
    char place[64] = {};
    // "7: FLOCK  ADVISORY  WRITE 4321 fd:01:1234 0 EOF"; those that wait for a lock have "->" before the kind.
    if (std::sscanf(line.c_str(), "%*d: %15s %*s %*s %d %63s", kind, &process, place) == 3 &&
        std::string_view(kind) == "FLOCK" && place == wanted &&
        std::find(holders.begin(), holders.end(), process) == holders.end()) {
      holders.push_back(process);
    }
  }
  return holders;
}

bool AllHoldersHaveLines(int file, const std::vector<std::string>& lines) {
  const std::vector<pid_t> holders = LockHolders(file);
  return std::ranges::all_of(holders, [&](pid_t process) { return !LineOf(process, lines).empty(); });
}

std::string DescribeLockHolders(int file, const std::vector<std::string>& lines) {
  struct stat status{};
  fstat(file, &status);
  std::vector<std::string> holders;
  for (const pid_t process : LockHolders(file)) {
    const std::string line = LineOf(process, lines);
    const bool ended = process <= 0 || (kill(process, 0) != 0 && errno == ESRCH);
    if (ended || HasOpen(process, status, file) == std::optional(false)) {
      holders.push_back(fmt::format("{}, which has ended and left the lock to a process that it had started",
                                    line.empty() ? fmt::format("process {}", process) : line));
    } else if (!line.empty()) {
      holders.push_back(line);
    } else {
      holders.push_back(fmt::format("process {} ({}, {}), which does not say what for", process, CommandOf(process),
                                    UserOf(process)));
    }
  }
  if (holders.empty()) {
    return "a process that is not known here, such as one in a container";
  }
  return absl::StrJoin(holders, ", ");
}

}  // namespace accelerd
