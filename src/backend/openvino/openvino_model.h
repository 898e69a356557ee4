#ifndef ACCELERD_BACKEND_OPENVINO_OPENVINO_MODEL_H_
#define ACCELERD_BACKEND_OPENVINO_OPENVINO_MODEL_H_

#include <memory>

#include "backend/backend.h"
#include "backend/openvino/request_pool.h"
#include "base/cpu_pool.h"

namespace accelerd::openvino {

/// A model that OpenVINO compiled. Tensors of known size are read and written where they are, without a copy.
class OpenvinoModel : public CompiledModel {
 public:
  /// `completions` outlives the model.
  OpenvinoModel(ModelInfo info, std::shared_ptr<RequestPool> requests, CpuPool& completions);

  /// After RequestPool::Abandon: waits a moment for the runtime to end its runs. What it still works on then stays in
  /// memory for good, because nothing can take it away from a device that hangs.
  ~OpenvinoModel() override;

  const ModelInfo& info() const override { return info_; }
  void Start(RunId run, Tensors inputs, Tensors outputs, Done<RunResult> done) override;

 private:
  const ModelInfo info_;
  std::shared_ptr<RequestPool> requests_;
  CpuPool& completions_;
};

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_OPENVINO_MODEL_H_
