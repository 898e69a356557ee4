#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/memory_guard.h"
#include "base/open_beneath.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

absl::Status ErrorFromErrno(int error, std::string_view what, const std::string& path) {
  const std::string message = fmt::format("{} {}: {}", what, path, std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO:
      return absl::InvalidArgumentError(message);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::Status NotRegular(const std::string& path) {
  return absl::InvalidArgumentError(fmt::format("{} is not a regular file", path));
}

// Without O_NONBLOCK the opening of a FIFO waits for its writer.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;

absl::Status WriteAll(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return ErrorFromErrno(errno, "cannot write", path);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteAndSync(int descriptor, std::span<const std::string_view> parts, const std::string& path) {
  for (const std::string_view part : parts) {
    ACCELERD_RETURN_IF_ERROR(WriteAll(descriptor, part, path));
  }
  if (fsync(descriptor) != 0) {
    return ErrorFromErrno(errno, "cannot write", path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InputFile> InputFile::Open(const std::string& path, std::uint64_t max_bytes) {
  return Adopt(UniqueFd(open(path.c_str(), kReadFlags)), path, max_bytes);
}

absl::StatusOr<InputFile> InputFile::Adopt(UniqueFd descriptor, std::string path, std::uint64_t max_bytes) {
  struct stat status{};
  if (!descriptor.valid() || fstat(descriptor.get(), &status) != 0) {
    return ErrorFromErrno(errno, "cannot open", path);
  }
  if (!S_ISREG(status.st_mode)) {
    return NotRegular(path);
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > max_bytes) {
    return absl::InvalidArgumentError(fmt::format("{} has {} bytes; the limit is {}", path, size, max_bytes));
  }
  return InputFile(std::move(descriptor), size, std::move(path));
}

InputFile::InputFile(UniqueFd descriptor, std::size_t size, std::string path)
    : descriptor_(std::move(descriptor)), size_(size), path_(std::move(path)) {}

absl::Status InputFile::Read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = read(descriptor_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ErrorFromErrno(errno, "cannot read", path_);
    }
    if (count == 0) {
      return absl::UnavailableError(fmt::format("{} was shortened while it was read; try again", path_));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> InputFile::ReadAll() {
  absl::StatusOr<std::string> contents =
      GuardMemory([this]() -> absl::StatusOr<std::string> { return std::string(size_, '\0'); });
  if (!contents.ok()) {
    return Annotate(contents.status(), fmt::format("cannot read {}, which has {} bytes", path_, size_));
  }
  ACCELERD_RETURN_IF_ERROR(Read(std::as_writable_bytes(std::span(*contents))));
  return contents;
}

std::string InputFile::RealDirectory() const {
  std::error_code error;
  const std::filesystem::path file =
      std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor_.get()), error);
  return error ? std::string() : file.parent_path().string();
}

absl::StatusOr<InputFolder> InputFolder::Open(const std::string& path, const std::string& root) {
  InputFolder folder;
  folder.path_ = path;
  if (root.empty()) {
    folder.directory_ = UniqueFd(open(path.empty() ? "." : path.c_str(), kFolderFlags));
    return folder.directory_.valid() ? absl::StatusOr<InputFolder>(std::move(folder))
                                     : ErrorFromErrno(errno, "cannot open", path);
  }
  folder.root_path_ = root;
  const std::optional<std::string> relative = RelativeTo(path, root);
  if (!relative) {
    return absl::PermissionDeniedError(fmt::format("{} is not beneath {}", path, root));
  }
  folder.relative_ = *relative;
  folder.root_ = UniqueFd(open(root.c_str(), kFolderFlags));
  if (!folder.root_.valid()) {
    return ErrorFromErrno(errno, "cannot open", root);
  }
  int error = 0;
  folder.directory_ = OpenBeneath(folder.root_.get(), folder.relative_, kFolderFlags, error);
  if (error == EXDEV) {
    return absl::PermissionDeniedError(fmt::format("{} leads out of {}", path, root));
  }
  return error == 0 ? absl::StatusOr<InputFolder>(std::move(folder)) : ErrorFromErrno(error, "cannot open", path);
}

absl::StatusOr<InputFile> InputFolder::OpenFile(const std::string& name, std::uint64_t max_bytes) const {
  int error = 0;
  UniqueFd file = OpenBeneath(directory_.get(), name, kReadFlags, error);
  if (error == EXDEV) {
    return absl::PermissionDeniedError(fmt::format(
        "{} leads out of its folder; put the file itself there, or a link that stays in the folder", PathOf(name)));
  }
  if (error != 0) {
    return ErrorFromErrno(error, "cannot open", PathOf(name));
  }
  return InputFile::Adopt(std::move(file), PathOf(name), max_bytes);
}

absl::StatusOr<InputFile> InputFolder::OpenLinkedFile(const std::string& name, std::uint64_t max_bytes) const {
  int error = 0;
  UniqueFd file = OpenLinked(name, kReadFlags, error);
  if (error == EXDEV) {
    return LeadsOut(name);
  }
  if (error != 0) {
    return ErrorFromErrno(error, "cannot open", PathOf(name));
  }
  return InputFile::Adopt(std::move(file), PathOf(name), max_bytes);
}

absl::Status InputFolder::CheckLinkedFile(const std::string& name) const {
  int error = 0;
  const UniqueFd file = OpenLinked(name, O_PATH | O_CLOEXEC, error);
  if (error == EXDEV) {
    return LeadsOut(name);
  }
  struct stat status{};
  if (error != 0 || fstat(file.get(), &status) != 0) {
    return ErrorFromErrno(error != 0 ? error : errno, "cannot open", PathOf(name));
  }
  return S_ISREG(status.st_mode) ? absl::OkStatus() : NotRegular(PathOf(name));
}

UniqueFd InputFolder::OpenLinked(const std::string& name, int flags, int& error) const {
  if (!root_.valid()) {
    UniqueFd file(openat(directory_.get(), name.c_str(), flags));
    error = file.valid() ? 0 : errno;
    return file;
  }
  UniqueFd file = OpenBeneath(directory_.get(), name, flags, error);
  if (error != EXDEV) {
    return file;  // In the directory that was opened, even when another one has its path by now.
  }
  return OpenBeneath(root_.get(), relative_ + "/" + name, flags, error);
}

absl::Status InputFolder::LeadsOut(const std::string& name) const {
  return absl::PermissionDeniedError(
      fmt::format("{} leads out of {}, beneath which it must be", PathOf(name), root_path_));
}

std::vector<std::string> InputFolder::Names() const {
  std::vector<std::string> names;
  std::error_code error;
  // The descriptor is of the directory itself, whatever its path leads to by now.
  std::filesystem::directory_iterator entry(fmt::format("/proc/self/fd/{}", directory_.get()), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  return names;
}

absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, max_bytes));
  return file.ReadAll();
}

absl::Status WriteFileAtomically(const std::string& path, std::span<const std::string_view> parts) {
  std::string temporary = path + ".XXXXXX";
  const UniqueFd descriptor(mkostemp(temporary.data(), O_CLOEXEC));
  if (!descriptor.valid()) {
    return ErrorFromErrno(errno, "cannot create", temporary);
  }
  absl::Status status = WriteAndSync(descriptor.get(), parts, temporary);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrorFromErrno(errno, "cannot create", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
  }
  return status;
}

absl::Status MakeDirectories(const std::string& path) {
  std::filesystem::path made;
  for (const std::filesystem::path& part : std::filesystem::path(path)) {
    made /= part;
    if (mkdir(made.c_str(), S_IRWXU) == 0 || errno == EEXIST) {
      continue;
    }
    // An existing directory on a read-only or forbidding file system need not say EEXIST.
    const int error = errno;
    std::error_code ignored;
    if (!std::filesystem::is_directory(made, ignored)) {
      return ErrorFromErrno(error, "cannot create the directory", made.string());
    }
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(fmt::format("{} is not a directory", path));
  }
  return absl::OkStatus();
}

}  // namespace accelerd
