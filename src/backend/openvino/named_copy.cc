#include "backend/openvino/named_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/shared_memory.h"
#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

absl::Status NoFolder(const std::string& path, int error) {
  return absl::ResourceExhaustedError(fmt::format("cannot use the temporary folder {}: {}; TMPDIR names another", path,
                                                  std::generic_category().message(error)));
}

/// Whether the folder is ours alone, and not one that somebody has put in its place.
bool IsOurs(const UniqueFd& folder) {
  struct stat status{};
  return fstat(folder.get(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
         (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

}  // namespace

absl::StatusOr<NamedCopy> NamedCopy::Make(const std::string& name, std::string_view contents) {
  NamedCopy copy;
  ACCELERD_ASSIGN_OR_RETURN(copy.contents_, MakeSealedFile(contents));
  std::error_code error;
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(error);
  std::string folder = (error ? "/tmp" : temporary.string()) + "/accelerd-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return NoFolder(folder, errno);
  }
  copy.folder_path_ = folder;
  copy.folder_ = UniqueFd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!copy.folder_.valid() || !IsOurs(copy.folder_)) {
    return NoFolder(folder, copy.folder_.valid() ? EPERM : errno);
  }
  copy.name_ = name;
  const std::string target = fmt::format("/proc/self/fd/{}", copy.contents_.get());
  if (symlinkat(target.c_str(), copy.folder_.get(), name.c_str()) != 0) {
    return NoFolder(folder, errno);
  }
  // By the descriptor: whoever renames the folder changes nothing.
  copy.path_ = fmt::format("/proc/self/fd/{}/{}", copy.folder_.get(), name);
  return copy;
}

NamedCopy::NamedCopy(NamedCopy&& other) noexcept
    : name_(std::move(other.name_)),
      folder_path_(std::exchange(other.folder_path_, {})),
      folder_(std::move(other.folder_)),
      contents_(std::move(other.contents_)),
      path_(std::move(other.path_)) {}

NamedCopy::~NamedCopy() {
  if (folder_path_.empty()) {
    return;
  }
  if (folder_.valid() && !name_.empty()) {
    unlinkat(folder_.get(), name_.c_str(), 0);
  }
  rmdir(folder_path_.c_str());
}

}  // namespace accelerd::openvino
