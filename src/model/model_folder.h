#ifndef ACCELERD_MODEL_MODEL_FOLDER_H_
#define ACCELERD_MODEL_MODEL_FOLDER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "model/model_files.h"

namespace accelerd {

/// The folder that holds a model's main file, where the files that belong to it are looked up: its weights, NAME.toml,
/// labels, metadata. Movable; thread-safe.
///
/// A file that belongs to a model may be a link within the folder. When the main file itself is a link, it may also be
/// a link to a file in the folder where the main file really lies, so that a set of links into one other folder works.
/// Nothing is opened outside `ModelFiles::root`.
class ModelFolder {
 public:
  /// kNotFound, kPermissionDenied as InputFolder::Open.
  static absl::StatusOr<ModelFolder> Open(const ModelFiles& files);

  /// Holds no files.
  ModelFolder() = default;

  /// The main file, which may be a link to anywhere beneath the root. Errors as InputFile::Open.
  absl::StatusOr<InputFile> OpenMain(std::uint64_t max_bytes) const;

  /// The file `name`, a path relative to the folder, that belongs to the main file. kPermissionDenied: it is a link
  /// that leads elsewhere, whether or not there is anything. Else as InputFile::Open.
  absl::StatusOr<InputFile> OpenFile(const std::string& name, std::uint64_t max_bytes) const;

  /// The contents of OpenFile. kInvalidArgument also when they are a Git LFS pointer.
  absl::StatusOr<std::string> ReadFile(const std::string& name, std::uint64_t max_bytes) const;

 private:
  InputFolder folder_;
  std::string path_;  ///< The folder's.
  std::string main_;  ///< The name of the main file in the folder.
};

/// kInvalidArgument when `contents`, the beginning of the file at `path`, is what Git leaves in place of a file that
/// Git LFS has not fetched.
absl::Status RefuseGitLfsPointer(std::string_view contents, const std::string& path);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_FOLDER_H_
