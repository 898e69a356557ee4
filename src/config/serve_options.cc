#include "config/serve_options.h"

#include <algorithm>
#include <set>

#include "config/value_parsers.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

absl::Status ValidateListen(const ServeOptions& options) {
  std::set<std::string> seen;
  for (const std::string& address : options.listen) {
    if (!seen.insert(address).second) {
      return absl::InvalidArgumentError(fmt::format("listen names {} twice: leave one of them out", address));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateLoad(const ServeOptions& options) {
  const std::vector<std::string>& load = options.load;
  for (const char* keyword : {"all", "none"}) {
    if (load.size() > 1 && std::find(load.begin(), load.end(), keyword) != load.end()) {
      return absl::InvalidArgumentError(
          fmt::format("load takes \"{}\" or names of models, not both ({})", keyword, fmt::join(load, ", ")));
    }
  }
  const bool names = load.front() != "all" && load.front() != "none";
  if (names && options.models.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "load names {} but there is no folder to find models in: give it with --models DIR", fmt::join(load, ", ")));
  }
  return absl::OkStatus();
}

absl::Status ValidateBodies(const ServeOptions& options) {
  if (options.max_body_bytes > options.max_total_body_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("max-body-bytes ({}) is more than max-total-body-bytes ({}), so the largest body could never be "
                    "read: lower the "
                    "first or raise the second",
                    FormatBytes(options.max_body_bytes), FormatBytes(options.max_total_body_bytes)));
  }
  return absl::OkStatus();
}

absl::Status ValidateIsolation(const ServeOptions& options) {
  if (options.isolation == "none" && !options.worker_command.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("worker-command names the worker \"{}\", but isolation is none: leave one of them out",
                    options.worker_command));
  }
  // A damaged or malicious model can take down the process that compiles it, or read that process's memory.
  if (options.isolation == "none" && !options.allow_models.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "allow-models lets clients load models from {}, and such models run in a worker process only, but isolation is "
        "none: leave isolation out, or leave allow-models out and put the models beneath the folder of --models",
        fmt::join(options.allow_models, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateServeOptions(const ServeOptions& options) {
  ACCELERD_RETURN_IF_ERROR(ValidateListen(options));
  ACCELERD_RETURN_IF_ERROR(ValidateLoad(options));
  ACCELERD_RETURN_IF_ERROR(ValidateIsolation(options));
  ACCELERD_RETURN_IF_ERROR(ValidateClientOptions(options.client));
  return ValidateBodies(options);
}

}  // namespace accelerd
