#include "app/open_files.h"

#include <sys/resource.h>

#include "base/log.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

// Connections without a place, listeners, locks, the worker, models and images that are being read, the runtime's own.
constexpr std::size_t kOtherFiles = 384;

}  // namespace

void RaiseOpenFileLimit(std::size_t max_connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < max_connections + kOtherFiles) {
    LogWarning("serve", fmt::format("this process may open {} files: too few for max-connections = {} and {} others; "
                                    "raise its limit (ulimit -n, LimitNOFILE=) or lower --max-connections",
                                    limit.rlim_cur, max_connections, kOtherFiles));
  }
}

}  // namespace accelerd
