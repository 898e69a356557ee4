#ifndef ACCELERD_APP_ACCOUNT_CHECK_H_
#define ACCELERD_APP_ACCOUNT_CHECK_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "config/serve_options.h"

namespace accelerd {

/// Returns OK if this process can give a file to the group `name`: if it is root, or a member of the group. The empty
/// name stands for the process's own group. kNotFound: there is no such group. kPermissionDenied: the process is not a
/// member; the message says how it becomes one.
absl::Status CheckGroup(const std::string& name);

/// Returns OK if this process can write in the folder `path` (absolute), or can create it and the folders above it.
/// Creates nothing. kFailedPrecondition names the folder that stands in the way.
absl::Status CheckWritableFolder(const std::string& path);

/// Sets --cache-dir and --state-dir to "none" where they cannot be used, so that the service starts without them.
/// Returns a message for each, which says what is lost and what to do.
std::vector<std::string> DropUnusableFolders(ServeOptions& options);

}  // namespace accelerd

#endif  // ACCELERD_APP_ACCOUNT_CHECK_H_
