#ifndef ACCELERD_BASE_FILE_H_
#define ACCELERD_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd {

/// A regular file, opened to be read once from start to end. Movable; not thread-safe.
class InputFile {
 public:
  /// kNotFound, kPermissionDenied, or kInvalidArgument when `path` is not a regular file or holds more than
  /// `max_bytes`.
  static absl::StatusOr<InputFile> Open(const std::string& path, std::uint64_t max_bytes);

  /// Bytes of the whole file when it was opened.
  std::size_t size() const { return size_; }

  /// Fills `bytes` with the next bytes of the file. kUnavailable when it ends before: it was shortened meanwhile.
  absl::Status Read(std::span<std::byte> bytes);

  /// Reads the whole file. REQUIRES: nothing was read yet. kResourceExhausted: there is no memory for it.
  absl::StatusOr<std::string> ReadAll();

  /// The directory that holds the file itself, whatever links led to it; empty when the kernel does not say.
  std::string RealDirectory() const;

 private:
  friend class InputFolder;
  static absl::StatusOr<InputFile> Adopt(UniqueFd descriptor, std::string path, std::uint64_t max_bytes);
  InputFile(UniqueFd descriptor, std::size_t size, std::string path);

  UniqueFd descriptor_;
  std::size_t size_;
  std::string path_;
};

/// A directory that was opened once: names are looked up in it even when another one has its path by now. With a root,
/// the kernel refuses every opening that leads out of that, however the links change meanwhile. Movable; thread-safe.
class InputFolder {
 public:
  /// `root` is a directory that holds the folder, or empty: then links may lead anywhere. With a root both paths are
  /// absolute and free of "." and empty components, as ConfinedPaths resolves them. kNotFound; kPermissionDenied, also
  /// when the folder is not beneath its root.
  static absl::StatusOr<InputFolder> Open(const std::string& path, const std::string& root = {});

  /// Holds no files.
  InputFolder() = default;

  /// The file `name`, a path relative to the directory. A link that leads out of it is kPermissionDenied, whether or
  /// not there is anything. Else as InputFile::Open.
  absl::StatusOr<InputFile> OpenFile(const std::string& name, std::uint64_t max_bytes) const;

  /// As OpenFile, but links may lead out of the directory, though not out of the root.
  absl::StatusOr<InputFile> OpenLinkedFile(const std::string& name, std::uint64_t max_bytes) const;

  /// What OpenLinkedFile would say of `name`, without the right to read it: kNotFound, kInvalidArgument,
  /// kPermissionDenied.
  absl::Status CheckLinkedFile(const std::string& name) const;

  /// The names in the directory, in no order. None when it cannot be read.
  std::vector<std::string> Names() const;

 private:
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

  /// `error` is 0 or errno, EXDEV for what leads out of the root.
  UniqueFd OpenLinked(const std::string& name, int flags, int& error) const;
  absl::Status LeadsOut(const std::string& name) const;

  UniqueFd directory_;
  std::string path_;
  UniqueFd root_;  ///< Not valid: links may lead anywhere.
  std::string root_path_;
  std::string relative_;  ///< The directory's path from the root.
};

/// The contents of a regular file. Errors as InputFile::Open and ReadAll.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes);

/// Replaces the file at `path` by the concatenated `parts` such that readers, and a machine that loses its power, see
/// the old or the new contents and nothing between. Readable by its owner alone.
absl::Status WriteFileAtomically(const std::string& path, std::span<const std::string_view> parts);

/// Creates the directory `path` and what is missing above it, for its owner alone. An existing one is fine.
absl::Status MakeDirectories(const std::string& path);

}  // namespace accelerd

#endif  // ACCELERD_BASE_FILE_H_
