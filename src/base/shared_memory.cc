#include "base/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr char kName[] = "accelerd";

absl::Status Exhausted(std::string_view what, std::size_t bytes) {
  return absl::ResourceExhaustedError(
      fmt::format("{} {} bytes of shared memory: {}", what, bytes, std::generic_category().message(errno)));
}

absl::StatusOr<UniqueFd> CreateFile(std::size_t bytes) {
  UniqueFd file(memfd_create(kName, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  off_t size = 0;
  if (__builtin_add_overflow(bytes, 0, &size)) {
    errno = EFBIG;
    return Exhausted("cannot allocate", bytes);
  }
  if (!file.valid() || ftruncate(file.get(), size) != 0) {
    return Exhausted("cannot allocate", bytes);
  }
  return file;
}

}  // namespace

Mapping::~Mapping() {
  if (!bytes_.empty()) {
    munmap(bytes_.data(), bytes_.size());
  }
}

absl::StatusOr<Mapping> Mapping::Map(int descriptor, std::size_t bytes, Access access) {
  if (bytes == 0) {
    return Mapping();
  }
  const int protection = access == Access::kWrite ? PROT_READ | PROT_WRITE : PROT_READ;
  void* address = mmap(nullptr, bytes, protection, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED && errno == ENOMEM) {
    return Exhausted("cannot map", bytes);
  }
  if (address == MAP_FAILED) {
    return absl::InvalidArgumentError(
        fmt::format("cannot map {} bytes: {}", bytes, std::generic_category().message(errno)));
  }
  return Mapping({static_cast<std::byte*>(address), bytes});
}

absl::Status CheckSealed(int descriptor, std::size_t bytes, bool immutable) {
  const int wanted = immutable ? F_SEAL_SHRINK | F_SEAL_WRITE : F_SEAL_SHRINK;
  const int seals = fcntl(descriptor, F_GET_SEALS);
  if (seals < 0 || (seals & wanted) != wanted) {
    return absl::InvalidArgumentError(
        fmt::format("shared memory must be a memfd, sealed against {}", immutable ? "all changes" : "shrinking"));
  }
  struct stat information{};
  if (fstat(descriptor, &information) != 0 || std::cmp_less(information.st_size, bytes)) {
    return absl::InvalidArgumentError(
        fmt::format("shared memory of {} bytes should have {}", static_cast<long>(information.st_size), bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> MakeSealedFile(std::string_view contents) {
  ACCELERD_ASSIGN_OR_RETURN(UniqueFd file, CreateFile(0));
  for (std::string_view rest = contents; !rest.empty();) {
    const ssize_t written = write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return Exhausted("cannot write", contents.size());
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return Exhausted("cannot seal", contents.size());
  }
  return file;
}

absl::StatusOr<std::shared_ptr<SharedRegion>> SharedRegion::Create(std::size_t bytes) {
  ACCELERD_ASSIGN_OR_RETURN(UniqueFd file, CreateFile(bytes));
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Exhausted("cannot seal", bytes);
  }
  ACCELERD_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Map(file.get(), bytes, Mapping::Access::kWrite));
  return std::shared_ptr<SharedRegion>(new SharedRegion(std::move(file), std::move(mapping)));
}

SharedRegion::SharedRegion(UniqueFd descriptor, Mapping mapping)
    : id_([] {
        static std::atomic<std::uint64_t> last{0};
        return ++last;
      }()),
      descriptor_(std::move(descriptor)),
      mapping_(std::move(mapping)) {}

absl::StatusOr<UniqueFd> SharedRegion::OpenReadOnly() const {
  UniqueFd file(open(fmt::format("/proc/self/fd/{}", descriptor_.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot open shared memory for reading: {}", std::generic_category().message(errno)));
  }
  return file;
}

absl::Status SharedRegion::Reserve(std::size_t offset, std::size_t bytes) {
  int result = 0;
  do {
    result = fallocate(descriptor_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? absl::OkStatus() : Exhausted("cannot allocate", bytes);
}

}  // namespace accelerd
