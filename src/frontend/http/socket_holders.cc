#include "frontend/http/socket_holders.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxKnown = 64;
constexpr int kPauseFactor = 9;

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

/// The names in a folder, as far as they can be read.
template <typename F>
void ForEachEntry(const std::string& folder, F use) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!use(entry->path())) {
      return;
    }
  }
}

/// The inode of a link to "socket:[INODE]".
std::optional<std::uint32_t> SocketInode(const std::filesystem::path& link) {
  constexpr std::string_view kPrefix = "socket:[";
  std::array<char, 64> target{};
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  std::string_view text(target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (!text.starts_with(kPrefix) || !text.ends_with(']')) {
    return std::nullopt;
  }
  text.remove_prefix(kPrefix.size());
  text.remove_suffix(1);
  return ParseNumber<std::uint32_t>(text);
}

/// The youngest first: clients are seldom older than what has always run.
std::vector<pid_t> Processes(const std::string& proc) {
  std::vector<pid_t> pids;
  ForEachEntry(proc, [&](const std::filesystem::path& path) {
    if (const auto pid = ParseNumber<pid_t>(path.filename().native())) {
      pids.push_back(*pid);
    }
    return true;
  });
  std::sort(pids.begin(), pids.end(), std::greater<>());
  return pids;
}

}  // namespace

SocketHolders::SocketHolders(std::string proc, const Clock& clock) : proc_(std::move(proc)), clock_(clock) {}

SocketHolders::Result SocketHolders::Find(std::set<std::uint32_t> inodes) {
  Result result;
  LookIntoKnown(inodes, result);
  LookIntoOthers(inodes, result);
  return result;
}

/// Whether it holds any of them.
bool SocketHolders::LookInto(pid_t pid, std::set<std::uint32_t>& inodes, Result& result) const {
  bool holds = false;
  ForEachEntry(fmt::format("{}/{}/fd", proc_, pid), [&](const std::filesystem::path& link) {
    const auto inode = SocketInode(link);
    if (inode && inodes.erase(*inode) > 0) {
      result.found[*inode] = pid;
      holds = true;
    }
    return !inodes.empty();
  });
  return holds;
}

void SocketHolders::LookIntoKnown(std::set<std::uint32_t>& inodes, Result& result) {
  std::stable_partition(known_.begin(), known_.end(),
                        [&](pid_t pid) { return !inodes.empty() && LookInto(pid, inodes, result); });
}

void SocketHolders::LookIntoOthers(std::set<std::uint32_t>& inodes, Result& result) {
  result.complete = inodes.empty();
  const Time begin = clock_.Now();
  if (result.complete || begin < next_scan_) {
    return;
  }
  std::vector<pid_t> holders;
  for (const pid_t pid : Processes(proc_)) {
    if (inodes.empty()) {
      break;
    }
    if (std::find(known_.begin(), known_.end(), pid) == known_.end() && LookInto(pid, inodes, result)) {
      holders.push_back(pid);
    }
  }
  known_.insert(known_.begin(), holders.begin(), holders.end());
  known_.resize(std::min(known_.size(), kMaxKnown));
  result.complete = true;
  if (!inodes.empty()) {
    const Time end = clock_.Now();
    next_scan_ = end + kPauseFactor * (end - begin);
  }
}

}  // namespace accelerd
