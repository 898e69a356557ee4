#include "base/confined_paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/memory_guard.h"
#include "base/open_beneath.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// `path` without empty and "." components. ".." stays: what it means is for the kernel to say.
std::string Simplify(const std::string& path) {
  std::string simple;
  for (const absl::string_view component : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (component != ".") {
      simple.append("/").append(component.data(), component.size());
    }
  }
  return simple;
}

/// Whether `path` can only be a directory: the slash at its end would be lost when it is simplified.
bool NamesDirectory(std::string_view path) {
  return path.ends_with('/') || path.ends_with("/.");
}

/// The path of an open directory as the kernel resolved it; empty when it does not say.
std::string ResolvedPath(const UniqueFd& directory) {
  std::array<char, PATH_MAX> resolved;
  const ssize_t length =
      readlink(fmt::format("/proc/self/fd/{}", directory.get()).c_str(), resolved.data(), resolved.size());
  return length <= 0 || static_cast<std::size_t>(length) == resolved.size()
             ? std::string()
             : std::string(resolved.data(), static_cast<std::size_t>(length));
}

absl::Status OpenError(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(fmt::format("path \"{}\" does not exist", path));
    case ENOTDIR:
      return absl::NotFoundError(fmt::format("path \"{}\" goes through what is not a directory", path));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(fmt::format("path \"{}\" cannot be read by the service's user", path));
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO:
    case EINVAL:
      return absl::InvalidArgumentError(fmt::format("path \"{}\" cannot be opened: {}", path.substr(0, PATH_MAX),
                                                    std::generic_category().message(error)));
    default:
      return absl::UnavailableError(
          fmt::format("path \"{}\" cannot be opened: {}", path, std::generic_category().message(error)));
  }
}

}  // namespace

ConfinedPaths::ConfinedPaths(const std::vector<std::string>& roots, std::string option, OtherPurpose other)
    : option_(std::move(option)), other_(std::move(other)) {
  for (const std::string& root : roots) {
    roots_.push_back(Simplify(root));  // "/" becomes "", which every absolute path continues with a slash.
  }
  std::ranges::stable_sort(roots_, {}, &std::string::size);  // Whatever holds another root comes before it.
}

absl::StatusOr<ConfinedPaths::Opened> ConfinedPaths::Open(const std::string& path, int flags) const {
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(fmt::format("path \"{}\" is not an absolute path", path.c_str()));
  }
  const std::string simple = Simplify(path);
  flags |= NamesDirectory(path) ? O_DIRECTORY : 0;
  // Of several roots that hold the path, one that can open it wins; else the most telling error.
  std::optional<int> error;
  for (const std::string& root : roots_) {
    const std::optional<std::string> relative = RelativeTo(simple, root);
    if (!relative) {
      continue;
    }
    Opened opened;
    int failure = 0;
    if (root.empty()) {
      opened.file = UniqueFd(open(path.c_str(), flags));
      failure = errno;
    } else if (opened.root = UniqueFd(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); opened.root.valid()) {
      opened.file = OpenBeneath(opened.root.get(), *relative, flags, failure);
    } else {
      failure = errno;
    }
    if (opened.file.valid()) {
      return opened;
    }
    if (failure != EXDEV) {
      error = failure;
    }
  }
  if (error) {
    return OpenError(path, *error);
  }
  return absl::PermissionDeniedError(Refusal(path, simple));
}

std::string ConfinedPaths::Refusal(const std::string& path, const std::string& simple) const {
  std::string message = fmt::format("path \"{}\" is not beneath a directory that {} allows", path, option_);
  // Only the names decide: the message must not tell whether the path exists.
  const auto holds = [&](const std::string& root) { return RelativeTo(simple, Simplify(root)).has_value(); };
  if (std::ranges::any_of(other_.roots, holds)) {
    message += "; " + other_.note;
  }
  return message;
}

absl::StatusOr<UniqueFd> ConfinedPaths::OpenFile(const std::string& path) const {
  ACCELERD_ASSIGN_OR_RETURN(Opened opened, Open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  struct stat status = {};
  if (fstat(opened.file.get(), &status) != 0) {
    return OpenError(path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("path \"{}\" is {}, not a regular file", path,
                                                  S_ISDIR(status.st_mode) ? "a directory" : "special"));
  }
  return std::move(opened.file);
}

absl::StatusOr<ConfinedDirectory> ConfinedPaths::ResolveDirectory(const std::string& path) const {
  ACCELERD_ASSIGN_OR_RETURN(const Opened opened, Open(path, O_PATH | O_CLOEXEC));
  struct stat status = {};
  if (fstat(opened.file.get(), &status) != 0) {
    return OpenError(path, errno);
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("path \"{}\" is not a directory", path));
  }
  ConfinedDirectory resolved{.path = ResolvedPath(opened.file)};
  if (opened.root.valid()) {
    resolved.root = ResolvedPath(opened.root);
  }
  if (resolved.path.empty() || (opened.root.valid() && resolved.root.empty())) {
    return absl::InvalidArgumentError(fmt::format("path \"{}\" cannot be resolved", path));
  }
  return resolved;
}

absl::StatusOr<FileBytes> ConfinedPaths::ReadFile(const std::string& path, std::size_t max_bytes) const {
  ACCELERD_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path));
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) {
    return OpenError(path, errno);
  }
  const auto size = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  if (size > max_bytes) {
    return absl::OutOfRangeError(
        fmt::format("path \"{}\" has {} bytes, more than the {} that are allowed", path, size, max_bytes));
  }
  ACCELERD_ASSIGN_OR_RETURN(FileBytes contents, GuardMemory([&]() -> absl::StatusOr<FileBytes> {
                              return FileBytes{std::make_unique_for_overwrite<std::byte[]>(size), 0};
                            }));
  while (contents.size < size) {
    const ssize_t count = read(file.get(), contents.data.get() + contents.size, size - contents.size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return OpenError(path, errno);
    }
    if (count == 0) {
      break;  // Truncated meanwhile: what was read is judged by its decoder.
    }
    contents.size += static_cast<std::size_t>(count);
  }
  return contents;
}

}  // namespace accelerd
