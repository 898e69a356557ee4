#include "app/account_check.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "fmt/core.h"

namespace accelerd {
namespace {

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

bool IsMember(gid_t group) {
  if (getegid() == group) {
    return true;
  }
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  groups.resize(static_cast<std::size_t>(std::max(0, getgroups(static_cast<int>(groups.size()), groups.data()))));
  return std::ranges::find(groups, group) != groups.end();
}

/// The name of the process's user, or its number if it has no name.
std::string UserName() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are other threads.
  const passwd* user = getpwuid(geteuid());
  return user != nullptr && user->pw_name != nullptr ? user->pw_name : fmt::format("{}", geteuid());
}

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

absl::Status CheckGroup(const std::string& name) {
  if (name.empty()) {
    return absl::OkStatus();
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are other threads.
  const group* found = getgrnam(name.c_str());
  if (found == nullptr) {
    return absl::NotFoundError(
        fmt::format("there is no group \"{}\"; create it with: groupadd --system {}", name, name));
  }
  if (geteuid() == 0 || IsMember(found->gr_gid)) {
    return absl::OkStatus();
  }
  const std::string user = UserName();
  return absl::PermissionDeniedError(
      fmt::format("the user {} is not a member of the group \"{}\", so its sockets cannot be given to that group; run: "
                  "usermod --append --groups {} {}, then start the service from a new login",
                  user, name, name, user));
}

absl::Status CheckWritableFolder(const std::string& path) {
  std::string folder = path;
  struct stat state{};
  while (stat(folder.c_str(), &state) != 0) {
    if (errno != ENOENT || folder == "/") {
      return absl::FailedPreconditionError(fmt::format("{} cannot be used: {}", folder, ErrorText(errno)));
    }
    folder = ParentOf(folder);
  }
  if (!S_ISDIR(state.st_mode)) {
    return absl::FailedPreconditionError(fmt::format("{} is not a folder", folder));
  }
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) {
    return absl::OkStatus();
  }
  if (folder == path) {
    return absl::FailedPreconditionError(fmt::format("{} cannot be written to: {}", path, ErrorText(errno)));
  }
  return absl::FailedPreconditionError(
      fmt::format("{} does not exist and cannot be created in {}: {}", path, folder, ErrorText(errno)));
}

std::vector<std::string> DropUnusableFolders(ServeOptions& options) {
  std::vector<std::string> messages;
  const auto check = [&messages](std::string_view option, std::string& folder, std::string_view consequence) {
    const absl::Status status = folder.empty() ? absl::OkStatus() : CheckWritableFolder(folder);
    if (!status.ok()) {
      messages.push_back(fmt::format("{}: {}; {}. Name another folder with --{} DIR, or none with --{} none", option,
                                     Message(status), consequence, option, option));
      folder.clear();
    }
  };
  check("cache-dir", options.cache_dir, "compiled models are not kept, so each start compiles them again");
  check("state-dir", options.state_dir, "what models compute on a fixed input is forgotten at the end of the service");
  return messages;
}

}  // namespace accelerd
