#ifndef ACCELERD_BASE_FILE_H_
#define ACCELERD_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace accelerd {

/// A regular file, opened to be read once from start to end. Movable; not thread-safe.
class InputFile {
 public:
  /// kNotFound, kPermissionDenied, or kInvalidArgument when `path` is not a regular file or holds more than
  /// `max_bytes`.
  static absl::StatusOr<InputFile> Open(const std::string& path, std::uint64_t max_bytes);

  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  /// Bytes of the whole file when it was opened.
  std::size_t size() const { return size_; }

  /// Fills `bytes` with the next bytes of the file. kUnavailable when it ends before: it was shortened meanwhile.
  absl::Status Read(std::span<std::byte> bytes);

 private:
  InputFile(int descriptor, std::size_t size, std::string path);

  int descriptor_;
  std::size_t size_;
  std::string path_;
};

/// The contents of a regular file. Errors as InputFile.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes);

/// Replaces the file at `path` by the concatenated `parts` such that readers, and a machine that loses its power, see
/// the old or the new contents and nothing between. Readable by its owner alone.
absl::Status WriteFileAtomically(const std::string& path, std::span<const std::string_view> parts);

/// Creates the directory `path` and what is missing above it, for its owner alone. An existing one is fine.
absl::Status MakeDirectories(const std::string& path);

}  // namespace accelerd

#endif  // ACCELERD_BASE_FILE_H_
