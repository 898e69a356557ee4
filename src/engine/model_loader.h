#ifndef ACCELERD_ENGINE_MODEL_LOADER_H_
#define ACCELERD_ENGINE_MODEL_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/canary_store.h"
#include "engine/engine_model.h"
#include "engine/file_stamp.h"
#include "engine/kept_files.h"
#include "engine/next_action.h"

namespace accelerd {

struct ModelLoaderOptions {
  CompileSettings defaults;         ///< What a model's card does not say.
  AttachmentFactory attach;         ///< Pairs each model with the service's part. Default: none.
  std::string kept_directory = {};  ///< Where copies of the files of models that serve are kept. Empty: nowhere.
  std::uint64_t max_model_bytes = UINT64_MAX;  ///< Files of one model. Default: no bound.
};

/// A model that was read and compiled, and what it is compiled to.
struct LoadedModel {
  std::unique_ptr<EngineModel> model;
  std::unique_ptr<CompiledModel> compiled;
  std::vector<FileStamp> stamps;  ///< The files that it was made of, as they were before they were read.
};

/// Stamps the files of a model as far as they are known before the model is read: the main file, the weights,
/// NAME.toml, the labels file and metadata.yaml.
std::vector<FileStamp> StampModelFiles(const ModelFiles& files);

/// What a load works with, beside the model's files.
struct LoadTools {
  Backend& backend;
  CanaryStore& canaries;
  KeptFiles& kept;
};

/// Reads the card, compiles the files, makes the attachment, and runs the canary: its outputs are to be those of the
/// first load, which is compiled without the cache. Outputs that differ after a load from the cache are given a second
/// chance without the cache. `stamps` are those of StampModelFiles before the call.
///
/// A model that is restored (CompileStep::restores) keeps its card and its attachment, and is compiled from its files,
/// or from a copy of them when the files have changed. kFailedPrecondition: there are only other contents.
///
/// Blocks; on the device's thread. kUnavailable: the device is lost, or this load failed for now. kDataLoss: the device
/// computes something else than before.
absl::StatusOr<LoadedModel> LoadModel(const CompileStep& step, std::vector<FileStamp> stamps,
                                      const ModelLoaderOptions& options, const LoadTools& tools);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MODEL_LOADER_H_
