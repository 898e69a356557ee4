#ifndef ACCELERD_BASE_SHARED_MEMORY_H_
#define ACCELERD_BASE_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd {

/// Memory of a file, mapped into this process until the object goes. Movable; thread-compatible.
class Mapping {
 public:
  enum class Access {
    kRead,   ///< Writing to it ends the process.
    kWrite,  ///< Seen by every process that maps the file.
  };

  Mapping() = default;
  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  /// The first `bytes` of the file. kResourceExhausted: there is no address space for it; kInvalidArgument: it cannot
  /// be mapped in this way. REQUIRES: the file holds `bytes`, and cannot shrink.
  static absl::StatusOr<Mapping> Map(int descriptor, std::size_t bytes, Access access);

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit Mapping(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

/// Whether `descriptor`, which came from another process, is a memfd of at least `bytes` that can be mapped without
/// risk: it cannot shrink, and with `immutable` nobody can change its contents any more. kInvalidArgument: it is not.
absl::Status CheckSealed(int descriptor, std::size_t bytes, bool immutable);

/// A memfd with `contents`, which nobody can change.
absl::StatusOr<UniqueFd> MakeSealedFile(std::string_view contents);

/// Anonymous memory that can be passed to other processes: a memfd that can neither shrink nor grow, mapped here.
/// Thread-compatible; id and descriptors are thread-safe.
class SharedRegion {
 public:
  /// Zeroed memory. kResourceExhausted: the machine has none, or no descriptors.
  static absl::StatusOr<std::shared_ptr<SharedRegion>> Create(std::size_t bytes);

  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  /// Never used again in this process, and never 0.
  std::uint64_t id() const { return id_; }
  std::span<std::byte> bytes() const { return mapping_.bytes(); }
  int descriptor() const { return descriptor_.get(); }

  /// A descriptor of the same memory for a process that must not write to it: it cannot be mapped for writing.
  absl::StatusOr<UniqueFd> OpenReadOnly() const;

  /// Backs a part with pages, so that its first use cannot fail. kResourceExhausted: the machine has no memory.
  absl::Status Reserve(std::size_t offset, std::size_t bytes);

 private:
  SharedRegion(UniqueFd descriptor, Mapping mapping);

  const std::uint64_t id_;
  const UniqueFd descriptor_;
  const Mapping mapping_;
};

/// Where the bytes of a Buffer lie in shared memory.
struct SharedSlice {
  std::shared_ptr<SharedRegion> region;
  std::size_t offset = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_SHARED_MEMORY_H_
