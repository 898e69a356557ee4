#include "engine/model_loader.h"

#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "fmt/core.h"

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
  Load(Backend& backend, CanaryStore& canaries, ModelSource source)
      : backend_(backend), canaries_(canaries), source_(std::move(source)) {}

  absl::Status Compile() {
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
    source_.refresh_cache = true;
    return Compile();
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

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const CompileStep& step, const ModelLoaderOptions& options, Backend& backend,
                                      CanaryStore& canaries) {
  auto model = std::make_unique<EngineModel>();
  model->name = step.name;
  model->generation = step.generation;
  model->files = step.files;
  ACCELERD_ASSIGN_OR_RETURN(model->card, ReadModelCard(step.files));
  Load load(backend, canaries,
            {.name = step.name, .files = step.files, .settings = SettingsOf(model->card, options.defaults)});
  ACCELERD_RETURN_IF_ERROR(load.Compile());
  model->info = load.info();
  if (options.attach) {
    ACCELERD_ASSIGN_OR_RETURN(model->attachment, options.attach(model->info, model->card, model->files));
  }
  ACCELERD_RETURN_IF_ERROR(load.PassCanary());
  model->info = load.info();
  model->canary = load.reference();
  return LoadedModel{std::move(model), std::move(load).compiled()};
}

}  // namespace accelerd
