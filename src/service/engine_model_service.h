#ifndef ACCELERD_SERVICE_ENGINE_MODEL_SERVICE_H_
#define ACCELERD_SERVICE_ENGINE_MODEL_SERVICE_H_

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "base/confined_paths.h"
#include "base/cpu_pool.h"
#include "engine/model_manager.h"
#include "service/model_service.h"

namespace accelerd {

/// ModelService on the engine's ModelManager. Looks for files on the CPU pool.
class EngineModelService : public ModelService {
 public:
  /// `paths`: the models directory and the allowed ones. `manager` and `pool` outlive the service, and
  /// `pool` is drained before it is destroyed: what a caller that left asked for is still looked for.
  /// `load_timeout`: how long a load is waited for at most; it goes on then.
  EngineModelService(ConfinedPaths paths, ModelManager& manager, CpuPool& pool,
                     Duration load_timeout = std::chrono::minutes(5));

  void Load(CallContext context, ModelSpec spec, Done<> done) override;
  void Unload(CallContext context, std::string model, Done<> done) override;
  std::vector<ModelStatus> List() const override;
  absl::StatusOr<ModelDescription> Describe(std::string_view model) const override;

  /// From now on new loads complete with kUnavailable. Thread-safe.
  void Stop() { stopped_ = true; }

 private:
  absl::StatusOr<LoadRequest> Resolve(const ModelSpec& spec) const;

  const ConfinedPaths paths_;
  ModelManager& manager_;
  CpuPool& pool_;
  const Duration load_timeout_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_ENGINE_MODEL_SERVICE_H_
