#include "frontend/http/socket_holders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxKnown = 64;
constexpr std::size_t kMaxPausedUsers = 256;
constexpr int kPauseFactor = 9;
// Descriptors of a process that are looked at before those of others. Most programs have fewer.
constexpr std::size_t kFirstDescriptors = 1024;
// Between two looks at the clock: some ten microseconds.
constexpr int kStepsAtOnce = 16;

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

/// The inode of a link to "socket:[INODE]".
std::optional<std::uint32_t> SocketInode(int folder, const char* name) {
  constexpr std::string_view kPrefix = "socket:[";
  std::array<char, 64> target{};
  const ssize_t size = readlinkat(folder, name, target.data(), target.size());
  std::string_view text(target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (!text.starts_with(kPrefix) || !text.ends_with(']')) {
    return std::nullopt;
  }
  text.remove_prefix(kPrefix.size());
  text.remove_suffix(1);
  return ParseNumber<std::uint32_t>(text);
}

}  // namespace

HolderSearch::HolderSearch(std::string proc, std::vector<pid_t> known, bool known_only, SocketUsers wanted)
    : proc_(std::move(proc)), known_(std::move(known)), known_only_(known_only), wanted_(std::move(wanted)) {
  for (const auto& [inode, user] : wanted_) {
    users_.insert(user);
  }
  processes_.assign(known_.begin(), known_.end());
  std::stable_partition(processes_.begin(), processes_.end(), [this](pid_t pid) { return IsWantedUser(pid); });
}

bool HolderSearch::Advance(const Clock& clock, Time until) {
  const Time begin = clock.Now();
  Time now = begin;
  bool more = true;
  while (more && now < until) {
    for (int i = 0; i < kStepsAtOnce && more; ++i) {
      more = Step();
    }
    now = clock.Now();
  }
  spent_ += now - begin;
  return !more;
}

std::map<std::uint32_t, pid_t> HolderSearch::TakeFound() {
  return std::exchange(found_, {});
}

bool HolderSearch::Step() {
  if (wanted_.empty() || stage_ == Stage::kOver) {
    folder_.reset();
    stage_ = Stage::kOver;
    return false;
  }
  if (stage_ == Stage::kList) {
    ListProcesses();
  } else if (processes_.empty()) {
    NextStage();
  } else {
    LookIntoProcess();
  }
  return true;
}

void HolderSearch::NextStage() {
  switch (stage_) {
    case Stage::kKnown:
      stage_ = known_only_ ? Stage::kDeep : Stage::kList;
      processes_ = known_only_ ? std::exchange(large_, {}) : std::deque<pid_t>();
      break;
    case Stage::kList:
      // The youngest first: clients are seldom older than what has always run.
      std::sort(own_.begin(), own_.end(), std::greater<>());
      std::sort(others_.begin(), others_.end(), std::greater<>());
      processes_.assign(own_.begin(), own_.end());
      processes_.insert(processes_.end(), others_.begin(), others_.end());
      stage_ = Stage::kOthers;
      break;
    case Stage::kOthers:
      processes_ = std::exchange(large_, {});
      stage_ = Stage::kDeep;
      break;
    case Stage::kDeep:
    case Stage::kOver:
      stage_ = Stage::kOver;
      break;
  }
}

void HolderSearch::ListProcesses() {
  if (folder_ == nullptr) {
    folder_.reset(opendir(proc_.c_str()));
  }
  const dirent* const entry = folder_ == nullptr ? nullptr : readdir(folder_.get());
  if (entry == nullptr) {
    folder_.reset();
    NextStage();
    return;
  }
  const auto pid = ParseNumber<pid_t>(entry->d_name);
  if (pid && std::find(known_.begin(), known_.end(), *pid) == known_.end()) {
    (IsWantedUser(*pid) ? own_ : others_).push_back(*pid);
  }
}

void HolderSearch::LookIntoProcess() {
  const pid_t pid = processes_.front();
  if (folder_ == nullptr) {
    looked_at_ = 0;
    folder_.reset(opendir(fmt::format("{}/{}/fd", proc_, pid).c_str()));
  }
  const bool all_looked_at = stage_ != Stage::kDeep && looked_at_ >= kFirstDescriptors;
  const dirent* const entry = folder_ == nullptr || all_looked_at ? nullptr : readdir(folder_.get());
  if (entry == nullptr) {
    folder_.reset();
    processes_.pop_front();
    if (all_looked_at) {
      large_.push_back(pid);
    }
    return;
  }
  ++looked_at_;
  const auto inode = SocketInode(dirfd(folder_.get()), entry->d_name);
  if (inode && wanted_.erase(*inode) > 0) {
    found_[*inode] = pid;
  }
}

bool HolderSearch::IsWantedUser(pid_t pid) const {
  struct stat status{};
  return stat(fmt::format("{}/{}", proc_, pid).c_str(), &status) == 0 && users_.contains(status.st_uid);
}

SocketHolders::SocketHolders(std::string proc, const Clock& clock) : proc_(std::move(proc)), clock_(clock) {}

std::unique_ptr<HolderSearch> SocketHolders::Begin(SocketUsers wanted) const {
  const Time now = clock_.Now();
  const bool paused = std::all_of(wanted.begin(), wanted.end(), [&](const auto& socket) {
    const auto next = next_scan_.find(socket.second);
    return next != next_scan_.end() && now < next->second;
  });
  return std::make_unique<HolderSearch>(proc_, known_, paused, std::move(wanted));
}

std::map<std::uint32_t, pid_t> SocketHolders::Learn(HolderSearch& search) {
  std::map<std::uint32_t, pid_t> found = search.TakeFound();
  for (const auto& [inode, pid] : found) {
    std::erase(known_, pid);
    known_.insert(known_.begin(), pid);
  }
  known_.resize(std::min(known_.size(), kMaxKnown));
  return found;
}

void SocketHolders::NoteMisses(const HolderSearch& search) {
  if (!search.complete()) {
    return;
  }
  const Time now = clock_.Now();
  std::erase_if(next_scan_, [now](const auto& next) { return next.second <= now; });
  for (const auto& [inode, user] : search.wanted()) {
    if (next_scan_.size() < kMaxPausedUsers || next_scan_.contains(user)) {
      next_scan_[user] = now + kPauseFactor * search.spent();
    }
  }
}

}  // namespace accelerd
