#include "engine/model_loader.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "fmt/core.h"
#include "model/labels_file.h"

namespace accelerd {
namespace {

CompileSettings SettingsOf(const ModelCard& card, const CompileSettings& defaults) {
  return {.precision = card.precision.value_or(defaults.precision),
          .performance_hint = card.performance_hint.value_or(defaults.performance_hint),
          .slots = card.slots.value_or(defaults.slots)};
}

/// Everything that outputs depend on.
std::string KeyOf(const ModelInfo& info, const CompileSettings& settings) {
  return fmt::format("{}\n{}\n{} {} {}\n", info.content_hash, info.runtime, PrecisionName(settings.precision),
                     settings.performance_hint == PerformanceHint::kLatency ? "latency" : "throughput", settings.slots);
}

/// A model on its way to READY.
class Load {
 public:
  Load(Backend& backend, CanaryStore& canaries) : backend_(backend), canaries_(canaries) {}

  /// Compiles `source` in place of what was compiled before.
  absl::Status Compile(ModelSource source) {
    source_ = std::move(source);
    compiled_.reset();  // Two may not fit onto the device.
    ACCELERD_ASSIGN_OR_RETURN(compiled_, backend_.Compile(source_));
    return absl::OkStatus();
  }

  absl::Status PassCanary() {
    const std::string key = KeyOf(compiled_->info(), source_.settings);
    const std::optional<CanaryReference> reference = canaries_.Find(key);
    if (!reference && compiled_->info().from_cache) {
      ACCELERD_RETURN_IF_ERROR(CompileAnew());
    }
    absl::StatusOr<CanaryOutputs> outputs = RunCanary(*compiled_);
    if (!outputs.ok()) {
      return WithoutCanary(outputs.status());
    }
    if (!reference) {
      return Remember(key, *std::move(outputs));
    }
    reference_ = *reference;
    absl::Status same = Compare(*outputs);
    if (!same.ok() && compiled_->info().from_cache) {
      LogWarning("canary", fmt::format("\"{}\" computes something else when it comes from the cache ({}); it is "
                                       "compiled anew",
                                       source_.name, Message(same)));
      ACCELERD_RETURN_IF_ERROR(CompileAnew());
      ACCELERD_ASSIGN_OR_RETURN(outputs, RunCanary(*compiled_));
      same = Compare(*outputs);
    }
    if (same.ok()) {
      return same;
    }
    return absl::DataLossError(
        fmt::format("the device computes something else than before: model \"{}\", {}{}", source_.name, Message(same),
                    canaries_.persistent() ? fmt::format(" (expected by {})", canaries_.PathOf(key)) : std::string()));
  }

  std::unique_ptr<CompiledModel> compiled() && { return std::move(compiled_); }
  const ModelInfo& info() const { return compiled_->info(); }

  /// What later canaries are compared with; null when they are not.
  std::shared_ptr<const CanaryOutputs> reference() const {
    return reference_ && reference_->repeatable ? std::make_shared<const CanaryOutputs>(reference_->outputs) : nullptr;
  }

 private:
  absl::Status CompileAnew() {
    ModelSource source = source_;
    source.refresh_cache = true;
    return Compile(std::move(source));
  }

  absl::Status Compare(const CanaryOutputs& outputs) const {
    return reference_->repeatable ? CompareCanary(reference_->outputs, outputs) : absl::OkStatus();
  }

  absl::Status WithoutCanary(const absl::Status& status) const {
    if (absl::IsUnavailable(status)) {
      return status;
    }
    LogInfo("canary", fmt::format("\"{}\" does not take the fixed input and is served unchecked: {}", source_.name,
                                  Message(status)));
    return absl::OkStatus();
  }

  absl::Status Remember(const std::string& key, CanaryOutputs outputs) {
    const absl::StatusOr<CanaryOutputs> again = RunCanary(*compiled_);
    if (!again.ok()) {
      return WithoutCanary(again.status());
    }
    reference_ = CanaryReference{.repeatable = CompareCanary(outputs, *again).ok(), .outputs = std::move(outputs)};
    canaries_.Put(key, *reference_);
    return absl::OkStatus();
  }

  Backend& backend_;
  CanaryStore& canaries_;
  ModelSource source_;
  std::unique_ptr<CompiledModel> compiled_;
  std::optional<CanaryReference> reference_;
};

/// Whether the model is the one that requests were prepared for.
bool IsSame(const EngineModel& before, const ModelInfo& now) {
  return before.info.content_hash == now.content_hash;
}

absl::Status FilesAreOthers(const EngineModel& model, const std::string& detail) {
  return absl::FailedPreconditionError(
      fmt::format("the device was lost, and the files of the model ({}) are not those that were loaded any more, of "
                  "which no copy is "
                  "kept{}; load the model to use the files as they are",
                  model.files.main, detail));
}

/// A file that may not be opened any more, such as a link that leads out by now, is not served from its copy either.
absl::Status CheckPermitted(const ModelFiles& files) {
  for (const std::filesystem::path file : {files.main, files.weights()}) {
    const absl::StatusOr<InputFolder> folder = InputFolder::Open(file.parent_path(), files.root);
    const absl::Status status = folder.ok() ? folder->CheckLinkedFile(file.filename()) : folder.status();
    if (absl::IsPermissionDenied(status)) {
      return status;
    }
  }
  return absl::OkStatus();
}

/// Compiles what a model was made of that served before. A copy goes before files that have changed: those may be half
/// written, and nobody has asked for them.
absl::Status Restore(const CompileStep& step, const CompileSettings& settings, const LoadTools& tools, Load& load) {
  const EngineModel& before = *step.restores;
  const std::optional<ModelFiles> copy =
      ChangedFiles(step.stamps).empty() ? std::nullopt : tools.kept.Find(before.files, before.info.content_hash);
  if (copy) {
    ACCELERD_RETURN_IF_ERROR(CheckPermitted(step.files));
    const absl::Status compiled = load.Compile({.name = step.name, .files = *copy, .settings = settings});
    if (compiled.ok() ? IsSame(before, load.info()) : absl::IsUnavailable(compiled)) {
      return compiled;
    }
    LogWarning("models", fmt::format("the copy of the files of \"{}\" is damaged", step.name));
    tools.kept.Remove(before.info.content_hash);
  }
  const absl::Status compiled = load.Compile({.name = step.name, .files = step.files, .settings = settings});
  if (compiled.ok()) {
    return IsSame(before, load.info()) ? compiled : FilesAreOthers(before, "");
  }
  const bool changed = !ChangedFiles(step.stamps).empty();
  return changed && !absl::IsUnavailable(compiled) ? FilesAreOthers(before, fmt::format(" ({})", Message(compiled)))
                                                   : compiled;
}

absl::Status CheckBytes(const std::vector<FileStamp>& stamps, std::uint64_t most) {
  const std::uint64_t bytes = TotalBytes(stamps);
  return bytes <= most ? absl::OkStatus()
                       : absl::InvalidArgumentError(
                             fmt::format("the model's files have {} bytes; --max-model-bytes allows {}", bytes, most));
}

/// Adds the stamps of files that only became known when the model was read.
void AddStamps(const EngineModel& model, std::vector<FileStamp>& stamps) {
  for (const std::string& file : model.info.files) {
    if (std::ranges::find(stamps, file, &FileStamp::path) == stamps.end()) {
      stamps.push_back(StampFiles({file}).front());
    }
  }
}

}  // namespace

std::vector<FileStamp> StampModelFiles(const ModelFiles& files) {
  // metadata.yaml counts for models with a folder of their own.
  std::vector<std::string> paths = {files.main, files.weights(), files.card,
                                    std::filesystem::path(files.main).parent_path() / "metadata.yaml"};
  if (std::string labels = FindLabelsFile(files); !labels.empty()) {
    paths.push_back(std::move(labels));
  }
  return StampFiles(paths);
}

absl::StatusOr<LoadedModel> LoadModel(const CompileStep& step, std::vector<FileStamp> stamps,
                                      const ModelLoaderOptions& options, const LoadTools& tools) {
  auto model = std::make_unique<EngineModel>();
  model->name = step.name;
  model->generation = step.generation;
  model->files = step.files;
  Load load(tools.backend, tools.canaries);
  if (step.restores != nullptr) {
    model->card = step.restores->card;
    model->attachment = step.restores->attachment;
    ACCELERD_RETURN_IF_ERROR(Restore(step, SettingsOf(model->card, options.defaults), tools, load));
  } else {
    ACCELERD_RETURN_IF_ERROR(CheckBytes(stamps, options.max_model_bytes));
    ACCELERD_ASSIGN_OR_RETURN(model->card, ReadModelCard(step.files));
    ACCELERD_RETURN_IF_ERROR(
        load.Compile({.name = step.name, .files = step.files, .settings = SettingsOf(model->card, options.defaults)}));
  }
  model->info = load.info();
  if (options.attach && step.restores == nullptr) {
    ACCELERD_ASSIGN_OR_RETURN(model->attachment, options.attach(model->info, model->card, model->files));
  }
  ACCELERD_RETURN_IF_ERROR(load.PassCanary());
  if (load.info().content_hash != model->info.content_hash) {  // It may have been compiled anew.
    return absl::UnavailableError(fmt::format("{} changed while it was loaded; try again", step.files.main));
  }
  model->info = load.info();
  model->canary = load.reference();
  AddStamps(*model, stamps);
  return LoadedModel{std::move(model), std::move(load).compiled(), std::move(stamps)};
}

}  // namespace accelerd
