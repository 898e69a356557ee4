#ifndef ACCELERD_BACKEND_ISOLATED_WORKER_MODEL_H_
#define ACCELERD_BACKEND_ISOLATED_WORKER_MODEL_H_

#include <cstdint>
#include <memory>

#include "backend/backend.h"
#include "backend/isolated/worker_session.h"
#include "base/buffer.h"
#include "base/cpu_pool.h"

namespace accelerd {

/// Where tensors go that their owner did not put into shared memory. Inputs apart from outputs, because a worker may
/// not write to the regions of inputs.
struct StagingPools {
  BufferPool inputs;
  BufferPool outputs;
};

/// A model that a worker compiled.
class WorkerModel : public CompiledModel {
 public:
  /// `pools` and `completions`, which runs what cannot run inside Start, outlive it.
  WorkerModel(std::shared_ptr<WorkerSession> session, std::uint32_t model, ModelInfo info, StagingPools& pools,
              CpuPool& completions);
  ~WorkerModel() override;

  const ModelInfo& info() const override { return *info_; }
  void Start(RunId run, Tensors inputs, Tensors outputs, Done<RunResult> done) override;

 private:
  absl::Status Begin(WorkerRun& run);

  const std::shared_ptr<WorkerSession> session_;
  const std::uint32_t model_;
  const std::shared_ptr<const ModelInfo> info_;
  StagingPools& pools_;
  CpuPool& completions_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_WORKER_MODEL_H_
