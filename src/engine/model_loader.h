#ifndef ACCELERD_ENGINE_MODEL_LOADER_H_
#define ACCELERD_ENGINE_MODEL_LOADER_H_

#include <memory>

#include "backend/backend.h"
#include "engine/canary_store.h"
#include "engine/engine_model.h"
#include "engine/next_action.h"

namespace accelerd {

struct ModelLoaderOptions {
  CompileSettings defaults;  ///< What a model's card does not say.
  AttachmentFactory attach;  ///< Pairs each model with the service's part. Default: none.
};

/// A model that was read and compiled, and what it is compiled to.
struct LoadedModel {
  std::unique_ptr<EngineModel> model;
  std::unique_ptr<CompiledModel> compiled;
};

/// Reads the card, compiles the files, makes the attachment, and lets the canary sing: its outputs are to be those of
/// the first load, which is compiled without the cache. Outputs that differ after a load from the cache are given a
/// second chance without it. Blocks; on the device's thread. kUnavailable: the device is lost, or this load failed for
/// now. kDataLoss: the device computes something else than before.
absl::StatusOr<LoadedModel> LoadModel(const CompileStep& step, const ModelLoaderOptions& options, Backend& backend,
                                      CanaryStore& canaries);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MODEL_LOADER_H_
