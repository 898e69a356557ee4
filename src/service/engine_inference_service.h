#ifndef ACCELERD_SERVICE_ENGINE_INFERENCE_SERVICE_H_
#define ACCELERD_SERVICE_ENGINE_INFERENCE_SERVICE_H_

#include <atomic>
#include <memory>
#include <string>

#include "base/buffer.h"
#include "base/cpu_pool.h"
#include "engine/model_manager.h"
#include "engine/scheduler.h"
#include "service/image_loader.h"
#include "service/inference_service.h"

namespace accelerd {

/// InferenceService on the engine. It finds the model, prepares its input on the CPU pool when the scheduler grants it,
/// and makes the result there. A call that only decodes is a job of the scheduler too, without a model.
class EngineInferenceService : public InferenceService {
 public:
  struct Options {
    std::size_t max_idle_input_bytes = 64 << 20;  ///< Input memory that is kept for the next calls.
    BufferPool::Kind input_buffers = BufferPool::Kind::kHeap;
  };

  /// All of them outlive the service, and `pool` is drained before it is destroyed: work for calls whose callers left
  /// may still be there.
  EngineInferenceService(const Options& options, const ImageLoader& loader, const ModelManager& manager,
                         Scheduler& scheduler, CpuPool& pool);

  void RunTask(CallContext context, TaskCall call, Done<std::shared_ptr<const TaskResult>> done) override;
  void DecodeImage(CallContext context, ImageSource image, Done<std::shared_ptr<const Image>> done) override;

  /// From now on new calls complete with kUnavailable; those accepted go on. Thread-safe.
  void Stop() { stopped_ = true; }

 private:
  absl::Status Submit(CallContext context, TaskCall call, Done<std::shared_ptr<const TaskResult>>& done);

  /// Makes a job with the conditions of the call, which it takes out of the context.
  static Job MakeJob(CallContext& context);

  void Schedule(Job job, const std::shared_ptr<Cancellation>& cancellation);

  /// Runs `work` on the CPU pool, and charges the client of the run for its time.
  template <typename Run, typename Work>
  void Finish(const std::shared_ptr<Run>& run, Work work);

  const Options options_;
  const ImageLoader& loader_;
  const ModelManager& manager_;
  Scheduler& scheduler_;
  CpuPool& pool_;
  BufferPool input_buffers_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_ENGINE_INFERENCE_SERVICE_H_
