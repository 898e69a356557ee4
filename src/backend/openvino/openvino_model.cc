#include "backend/openvino/openvino_model.h"

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "backend/check_tensors.h"
#include "base/log.h"

namespace accelerd::openvino {
namespace {

constexpr std::chrono::seconds kHangGrace(1);

void KeepForGood(std::shared_ptr<RequestPool> requests) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::shared_ptr<RequestPool>>();
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(requests));
}

}  // namespace

OpenvinoModel::OpenvinoModel(ModelInfo info, std::shared_ptr<RequestPool> requests, CpuPool& completions)
    : info_(std::move(info)), requests_(std::move(requests)), completions_(completions) {}

OpenvinoModel::~OpenvinoModel() {
  if (!requests_->WaitUntilIdle(kHangGrace)) {
    LogError("openvino", "the device hangs: an abandoned model stays in memory");
    KeepForGood(std::move(requests_));
  }
}

void OpenvinoModel::Start(RunId, Tensors inputs, Tensors outputs, Done<RunResult> done) {
  absl::Status status = CheckTensors(info_.signature, inputs, outputs);
  if (!status.ok()) {
    completions_.Post(CpuPool::Priority::kFinish,
                      [done = std::move(done), status = std::move(status)]() mutable { done(std::move(status)); });
    return;
  }
  requests_->Start(std::move(inputs), std::move(outputs), std::move(done));
}

}  // namespace accelerd::openvino
