#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

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
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) {
      close(value_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }
  int Release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

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
  // Without O_NONBLOCK the opening of a FIFO waits for its writer.
  Descriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status{};
  if (descriptor.get() < 0 || fstat(descriptor.get(), &status) != 0) {
    return ErrorFromErrno(errno, "cannot open", path);
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{} is not a regular file", path));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > max_bytes) {
    return absl::InvalidArgumentError(fmt::format("{} has {} bytes; the limit is {}", path, size, max_bytes));
  }
  return InputFile(descriptor.Release(), size, path);
}

InputFile::InputFile(int descriptor, std::size_t size, std::string path)
    : descriptor_(descriptor), size_(size), path_(std::move(path)) {}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_), path_(std::move(other.path_)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

absl::Status InputFile::Read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = read(descriptor_, bytes.data(), bytes.size());
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

absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, max_bytes));
  std::string contents(file.size(), '\0');
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(contents))));
  return contents;
}

absl::Status WriteFileAtomically(const std::string& path, std::span<const std::string_view> parts) {
  std::string temporary = path + ".XXXXXX";
  const Descriptor descriptor(mkostemp(temporary.data(), O_CLOEXEC));
  if (descriptor.get() < 0) {
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
