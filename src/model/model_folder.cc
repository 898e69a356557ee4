#include "model/model_folder.h"

#include <filesystem>
#include <limits>
#include <utility>

#include "fmt/core.h"

namespace accelerd {

absl::StatusOr<ModelFolder> ModelFolder::Open(const ModelFiles& files) {
  const std::filesystem::path path(files.main);
  ModelFolder opened;
  opened.path_ = path.parent_path();
  opened.main_ = path.filename();
  ACCELERD_ASSIGN_OR_RETURN(opened.folder_, InputFolder::Open(path.parent_path(), files.root));
  return opened;
}

absl::StatusOr<InputFile> ModelFolder::OpenMain(std::uint64_t max_bytes) const {
  return folder_.OpenLinkedFile(main_, max_bytes);
}

absl::StatusOr<InputFile> ModelFolder::OpenFile(const std::string& name, std::uint64_t max_bytes) const {
  absl::StatusOr<InputFile> file = folder_.OpenFile(name, max_bytes);
  if (!absl::IsPermissionDenied(file.status())) {
    return file;
  }
  absl::StatusOr<InputFile> linked = folder_.OpenLinkedFile(name, max_bytes);
  if (!linked.ok() || linked->RealDirectory().empty()) {
    return file;
  }
  const absl::StatusOr<InputFile> main = OpenMain(std::numeric_limits<std::uint64_t>::max());
  return main.ok() && main->RealDirectory() == linked->RealDirectory() ? std::move(linked) : std::move(file);
}

absl::StatusOr<std::string> ModelFolder::ReadFile(const std::string& name, std::uint64_t max_bytes) const {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, OpenFile(name, max_bytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, file.ReadAll());
  ACCELERD_RETURN_IF_ERROR(RefuseGitLfsPointer(contents, fmt::format("{}/{}", path_, name)));
  return contents;
}

absl::Status RefuseGitLfsPointer(std::string_view contents, const std::string& path) {
  if (!contents.starts_with("version https://git-lfs.github.com/spec/")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "{} is a Git LFS pointer and not the file that it stands for: run `git lfs pull` where it was cloned", path));
}

}  // namespace accelerd
