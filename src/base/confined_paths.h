#ifndef ACCELERD_BASE_CONFINED_PATHS_H_
#define ACCELERD_BASE_CONFINED_PATHS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd {

/// The bytes of a file.
struct FileBytes {
  std::unique_ptr<std::byte[]> data;
  std::size_t size = 0;

  std::span<const std::byte> bytes() const { return {data.get(), size}; }
};

/// A directory that clients may name.
struct ConfinedDirectory {
  std::string path;       ///< As the kernel resolved it, free of links.
  std::string root = {};  ///< The allowed directory that holds it, likewise; empty when everything is allowed.
};

/// Directories that an option allows for another purpose, and the note that explains this to a client who was refused.
struct OtherPurpose {
  std::vector<std::string> roots = {};  ///< Absolute.
  std::string note = {};
};

/// Opens what clients name, beneath the allowed directories only: the kernel resolves each path with openat2
/// RESOLVE_BENEATH, so that neither
/// ".." nor a symbolic link leads out, and no check races with the opening. A root of "/" allows everything that the
/// process can open, absolute links included. Immutable and thread-safe.
///
/// Errors: kInvalidArgument: the path is not absolute, holds a NUL byte, or names something of another kind than was
/// asked for; kPermissionDenied: it is not beneath a root (whether or not it exists), or the process may not open it;
/// kNotFound.
class ConfinedPaths {
 public:
  /// `roots` are absolute; they need not exist yet. `option` is named in messages as what allows more: "--allow-path".
  /// The refusal of a path beneath a root of `other` ends with its note. Default: no such roots.
  ConfinedPaths(const std::vector<std::string>& roots, std::string option, OtherPurpose other = {});

  /// A regular file, for reading. Never waits for a FIFO or a device.
  absl::StatusOr<UniqueFd> OpenFile(const std::string& path) const;

  /// What may be opened beneath the directory later is confined to its root, as InputFolder does: of roots that lie in
  /// one another, the outermost that permits it.
  absl::StatusOr<ConfinedDirectory> ResolveDirectory(const std::string& path) const;

  /// The contents of a regular file of at most `max_bytes`; a larger one is kOutOfRange.
  absl::StatusOr<FileBytes> ReadFile(const std::string& path, std::size_t max_bytes) const;

 private:
  struct Opened {
    UniqueFd file;
    UniqueFd root;  ///< Not valid when everything is allowed.
  };

  absl::StatusOr<Opened> Open(const std::string& path, int flags) const;

  std::string Refusal(const std::string& path, const std::string& simple) const;

  std::vector<std::string> roots_;
  std::string option_;
  OtherPurpose other_;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_CONFINED_PATHS_H_
