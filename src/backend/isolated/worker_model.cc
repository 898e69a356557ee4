#include "backend/isolated/worker_model.h"

#include <utility>

#include "backend/check_tensors.h"
#include "backend/isolated/run_tensors.h"

namespace accelerd {

WorkerModel::WorkerModel(std::shared_ptr<WorkerSession> session, std::uint32_t model, ModelInfo info,
                         StagingPools& pools, CpuPool& completions)
    : session_(std::move(session)),
      model_(model),
      info_(std::make_shared<const ModelInfo>(std::move(info))),
      pools_(pools),
      completions_(completions) {}

WorkerModel::~WorkerModel() {
  session_->DropModel(model_);
}

absl::Status WorkerModel::Begin(WorkerRun& run) {
  // The worker checks too; this keeps nonsense out of its way.
  ACCELERD_RETURN_IF_ERROR(CheckTensors(info_->signature, run.inputs, run.outputs));
  ACCELERD_ASSIGN_OR_RETURN(run.inputs, ShareInputs(run.inputs, pools_.inputs));
  ACCELERD_ASSIGN_OR_RETURN(run.staged_outputs, StageOutputs(run.outputs, pools_.outputs));
  return session_->StartRun(run);
}

void WorkerModel::Start(RunId /*run*/, Tensors inputs, Tensors outputs, Done<RunResult> done) {
  WorkerRun run{model_, info_, std::move(inputs), {}, std::move(outputs), std::move(done)};
  absl::Status status = Begin(run);
  if (!status.ok()) {
    completions_.Post(CpuPool::Priority::kFinish,
                      [done = std::move(run.done), status = std::move(status)]() mutable { done(std::move(status)); });
  }
}

}  // namespace accelerd
