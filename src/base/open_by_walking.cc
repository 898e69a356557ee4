#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/open_beneath.h"

// The messages and statuses that clients get are made of errno, so the errors are those of the kernel's fs/namei.c.

namespace accelerd {
namespace {

constexpr int kMaxLinks = 40;

/// Openings that one path may cost. "a/../" repeated costs one for each of the components before it.
constexpr int kMaxSteps = 20'000;

constexpr int kWalkFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;

/// Flag of a mount whose links are not followed, in the f_flags of statfs(2).
constexpr std::uint64_t kNoSymfollow = 0x2000;

/// Whether the kernel refuses links of others in directories such as /tmp (proc_sys_fs(5)).
bool LinksAreProtected() {
  static const bool are_protected = [] {
    int value = 1;
    std::ifstream("/proc/sys/fs/protected_symlinks") >> value;
    return value != 0;
  }();
  return are_protected;
}

/// One resolution of a path. What may change meanwhile is looked at by descriptors only.
class Walk {
 public:
  Walk(int root, std::string path, int flags) : root_(root), rest_(std::move(path)), flags_(flags) {}

  /// Returns 0 or errno; EAGAIN when the tree changed on the way.
  int Run(UniqueFd& opened);

 private:
  int TakeComponent();
  int Ascend();
  int Enter();
  int OpenHere(UniqueFd& opened);
  int OpenLast(UniqueFd& opened);
  int FollowLink(const UniqueFd& link);
  int Step(int directory, const std::string& name, int flags, UniqueFd& opened);
  int current() const { return current_.valid() ? current_.get() : root_; }

  const int root_;
  std::string rest_;  ///< What is still to be resolved.
  const int flags_;
  UniqueFd current_;                ///< Where the walk is; not valid: at the root.
  std::vector<std::string> names_;  ///< The way from the root to there; no links.
  std::string component_;           ///< The one that is being resolved.
  bool more_ = false;               ///< Whether a slash follows it, so that it must be a directory.
  int links_ = 0;
  int steps_ = 0;
};

int Walk::Step(int directory, const std::string& name, int flags, UniqueFd& opened) {
  if (++steps_ > kMaxSteps) {
    return ELOOP;
  }
  opened = UniqueFd(openat(directory, name.c_str(), flags));
  return opened.valid() ? 0 : errno;
}

/// Moves the first component of the rest to `component_`, which is empty when there is none.
int Walk::TakeComponent() {
  const std::size_t end = std::min(rest_.find('/'), rest_.size());
  component_ = rest_.substr(0, end);
  more_ = end < rest_.size();
  rest_.erase(0, std::min(rest_.find_first_not_of('/', end), rest_.size()));
  return component_.size() > NAME_MAX ? ENAMETOOLONG : 0;
}

/// Goes to the parent: by its names from the root, as a directory that was moved meanwhile has another parent.
int Walk::Ascend() {
  if (names_.empty()) {
    return EXDEV;
  }
  // Even the way up takes the right to search the directory.
  UniqueFd here;
  if (const int error = Step(current(), ".", kWalkFlags | O_DIRECTORY, here); error != 0) {
    return error;
  }
  names_.pop_back();
  current_ = UniqueFd();
  for (const std::string& name : names_) {
    UniqueFd next;
    const int error = Step(current(), name, kWalkFlags | O_DIRECTORY, next);
    if (error != 0) {
      return error == ELOOP || error == EMFILE || error == ENFILE || error == ENOMEM ? error : EAGAIN;
    }
    current_ = std::move(next);
  }
  return 0;
}

/// Goes into the component, or puts what it links to before the rest.
int Walk::Enter() {
  UniqueFd next;
  // With O_DIRECTORY the kernel also mounts what is to be mounted there.
  int error = Step(current(), component_, kWalkFlags | O_DIRECTORY, next);
  if (error == ENOTDIR) {
    error = Step(current(), component_, kWalkFlags, next);
    struct stat status{};
    if (error != 0 || fstat(next.get(), &status) != 0) {
      return error != 0 ? error : errno;
    }
    if (S_ISLNK(status.st_mode)) {
      return FollowLink(next);
    }
    return S_ISDIR(status.st_mode) ? EAGAIN : ENOTDIR;
  }
  if (error == 0) {
    names_.push_back(component_);
    current_ = std::move(next);
  }
  return error;
}

int Walk::FollowLink(const UniqueFd& link) {
  if (++links_ > kMaxLinks) {
    return ELOOP;
  }
  struct stat status{};
  struct stat folder{};
  struct statfs system{};
  if (fstat(link.get(), &status) != 0 || fstat(current(), &folder) != 0 || fstatfs(link.get(), &system) != 0) {
    return errno;
  }
  const bool sticky = (folder.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH);
  const bool last = rest_.empty();
  if (last && sticky && status.st_uid != geteuid() && status.st_uid != folder.st_uid && LinksAreProtected()) {
    return EACCES;
  }
  if ((static_cast<std::uint64_t>(system.f_flags) & kNoSymfollow) != 0) {
    return ELOOP;
  }
  std::array<char, PATH_MAX> bytes;
  const ssize_t length = readlinkat(link.get(), "", bytes.data(), bytes.size());
  if (length <= 0) {
    return length == 0 ? ENOENT : errno;
  }
  const std::string_view target(bytes.data(), static_cast<std::size_t>(length));
  // The plain links of /proc, "self" and "mounts" for example, are relative. The magic ones lead past the tree.
  if (system.f_type == PROC_SUPER_MAGIC && (target.front() == '/' || target.find(':') != std::string_view::npos)) {
    return ELOOP;
  }
  if (target.front() == '/') {
    return EXDEV;
  }
  rest_ = std::string(target) + (more_ ? "/" : "") + rest_;
  return 0;
}

/// Opens the directory where the walk is.
int Walk::OpenHere(UniqueFd& opened) {
  return Step(current(), ".", flags_, opened);
}

/// Opens the last component, or puts what it links to in its place.
int Walk::OpenLast(UniqueFd& opened) {
  UniqueFd there;
  const int error = Step(current(), component_, kWalkFlags, there);
  struct stat status{};
  if (error != 0 || fstat(there.get(), &status) != 0) {
    return error != 0 ? error : errno;
  }
  if (S_ISLNK(status.st_mode)) {
    return FollowLink(there);
  }
  const int flags = flags_ | (more_ ? O_DIRECTORY : 0);
  if ((flags & O_PATH) != 0 && ((flags & O_DIRECTORY) == 0 || S_ISDIR(status.st_mode))) {
    opened = std::move(there);
    return 0;
  }
  // It may be another file by now, but not a link.
  const int opening = Step(current(), component_, flags | O_NOFOLLOW, opened);
  return opening == ELOOP ? EAGAIN : opening;
}

int Walk::Run(UniqueFd& opened) {
  if (rest_.empty()) {
    return ENOENT;
  }
  if (rest_.size() >= PATH_MAX) {
    return ENAMETOOLONG;
  }
  if (rest_.front() == '/') {
    return EXDEV;
  }
  for (;;) {
    if (const int error = TakeComponent(); error != 0) {
      return error;
    }
    int error = 0;
    if (component_ == "..") {
      error = Ascend();
    } else if (!component_.empty() && component_ != ".") {
      error = rest_.empty() ? OpenLast(opened) : Enter();
    }
    if (error != 0 || opened.valid()) {
      return error;
    }
    if (rest_.empty()) {
      return OpenHere(opened);
    }
  }
}

}  // namespace

UniqueFd OpenBeneathByWalking(int directory, const std::string& relative, int flags, int& error) {
  UniqueFd opened;
  for (int attempt = 0; attempt < 32; ++attempt) {
    error = Walk(directory, relative, flags).Run(opened);
    if (error != EAGAIN) {
      break;
    }
  }
  return opened;
}

}  // namespace accelerd
