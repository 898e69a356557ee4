#include "app/startup_check.h"

#include <utility>

#include "app/account_check.h"
#include "backend/registry.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/device_keys.h"
#include "fmt/core.h"
#include "fmt/ranges.h"
#include "model/unserved_files.h"

namespace accelerd {

namespace {

/// Logs what looks like a model in the folder and is not served.
absl::StatusOr<std::vector<FoundModel>> FindModels(const ServeOptions& options) {
  if (options.models.empty() || options.load == std::vector<std::string>{"none"}) {
    return std::vector<FoundModel>();
  }
  if (options.load == std::vector<std::string>{"all"}) {
    ACCELERD_ASSIGN_OR_RETURN(std::vector<FoundModel> found, DiscoverModels(options.models));
    for (const std::string& unserved : UnservedFiles(options.models, found)) {
      LogWarning("models", unserved);
    }
    return found;
  }
  std::vector<FoundModel> models;
  for (const std::string& name : options.load) {
    ACCELERD_ASSIGN_OR_RETURN(models.emplace_back(), FindModel(options.models, name));
  }
  return models;
}

}  // namespace

absl::StatusOr<std::vector<FoundModel>> ModelsToLoad(const ServeOptions& options) {
  absl::StatusOr<std::vector<FoundModel>> models = FindModels(options);
  for (const FoundModel& model : models.ok() ? *models : std::vector<FoundModel>()) {
    for (const std::string& warning : model.warnings) {
      LogWarning("models", warning);
    }
  }
  return models;
}

std::vector<std::string> StartupProblems(const ServeOptions& options) {
  std::vector<std::string> problems;
  const auto judge = [&problems](std::string_view option, const absl::Status& status) {
    if (!status.ok()) {
      problems.push_back(fmt::format("{}: {}", option, Message(status)));
    }
    return status.ok();
  };
  if (options.models.empty() || judge("models", InputFolder::Open(options.models).status())) {
    judge("load", ModelsToLoad(options).status());
  }
  for (const std::string& folder : options.allow_path) {
    judge("allow-path", InputFolder::Open(folder).status());
  }
  for (const std::string& folder : options.allow_models) {
    judge("allow-models", InputFolder::Open(folder).status());
  }
  judge("socket-group", CheckGroup(options.socket_group));
  ServeOptions usable = options;
  for (std::string& message : DropUnusableFolders(usable)) {
    problems.push_back(std::move(message));
  }
  if (options.worker_command.empty()) {  // Another program has device names of its own.
    judge("device", CheckDevice(options.device));
  }
  return problems;
}

std::vector<std::string> StartupNotes(const ServeOptions& options) {
  std::vector<std::string> notes;
  if (!options.allow_path.empty() && options.allow_models.empty()) {
    notes.push_back(
        fmt::format("--allow-path permits images only: /load from {} is refused unless --allow-models permits it too",
                    fmt::join(options.allow_path, ", ")));
  }
  if (!options.allow_models.empty() && options.isolation == "auto" && options.worker_command.empty() &&
      IsCpuAlone(options.device)) {
    notes.push_back("clients may load models (--allow-models), so models run in a worker process");
  }
  return notes;
}

}  // namespace accelerd
