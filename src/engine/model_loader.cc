#include "engine/model_loader.h"

#include <utility>

namespace accelerd {
namespace {

CompileSettings SettingsOf(const ModelCard& card, const CompileSettings& defaults) {
  return {.precision = card.precision.value_or(defaults.precision),
          .performance_hint = card.performance_hint.value_or(defaults.performance_hint),
          .slots = card.slots.value_or(defaults.slots)};
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const CompileStep& step, const ModelLoaderOptions& options, Backend& backend) {
  auto model = std::make_unique<EngineModel>();
  model->name = step.name;
  model->generation = step.generation;
  model->files = step.files;
  ACCELERD_ASSIGN_OR_RETURN(model->card, ReadModelCard(step.files.card));
  ACCELERD_ASSIGN_OR_RETURN(
      std::unique_ptr<CompiledModel> compiled,
      backend.Compile({.name = step.name, .files = step.files, .settings = SettingsOf(model->card, options.defaults)}));
  model->info = compiled->info();
  if (options.attach) {
    ACCELERD_ASSIGN_OR_RETURN(model->attachment, options.attach(model->info, model->card, model->files));
  }
  return LoadedModel{std::move(model), std::move(compiled)};
}

}  // namespace accelerd
