#include "service/engine_inference_service.h"

#include <chrono>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "image/to_tensor.h"
#include "service/ready_model.h"
#include "service/serving_plan.h"

namespace accelerd {
namespace {

using SharedResult = std::shared_ptr<const TaskResult>;

absl::Status Stopping() {
  return WithRetryAfter(absl::UnavailableError("the service is shutting down"), std::chrono::seconds(1));
}

/// An accepted call, from its preparation to its result.
struct TaskRun {
  ModelHandle model;
  const Postprocessor* postprocessor;
  ImageSource image;
  TaskOptions options;
  ImageSize size;  ///< Set by the preparation.
  Done<SharedResult> done;
};

absl::StatusOr<Tensors> Prepare(TaskRun& run, const ImageLoader& loader, BufferPool& buffers) {
  const ImageFormat& format = *ServingPlan::Of(*run.model).image_format();
  absl::StatusOr<Image> image = loader.Load(run.image);
  run.image = ImageBytes();  // The request's bytes are free for the next one.
  ACCELERD_RETURN_IF_ERROR(image.status());
  run.size = {.rows = image->rows, .cols = image->cols};
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                            buffers.Allocate(ServingPlan::Of(*run.model).input_bytes()));
  Tensor tensor(format.element_type, format.shape(), std::move(buffer));
  ACCELERD_RETURN_IF_ERROR(ImageToTensor(*image, format, tensor));
  return Tensors{std::move(tensor)};
}

void Finish(TaskRun& run, const Tensors& outputs) {
  absl::StatusOr<TaskResult> result = run.postprocessor->Run(outputs, run.size, run.options);
  if (!result.ok()) {
    run.done(Annotate(result.status(), fmt::format("model \"{}\"", run.model->name)));
    return;
  }
  run.done(std::make_shared<const TaskResult>(*std::move(result)));
}

}  // namespace

EngineInferenceService::EngineInferenceService(const Options& options, const ImageLoader& loader,
                                               const ModelManager& manager, Scheduler& scheduler, CpuPool& pool)
    : options_(options),
      loader_(loader),
      manager_(manager),
      scheduler_(scheduler),
      pool_(pool),
      input_buffers_(options.max_idle_input_bytes, options.input_buffers) {}

void EngineInferenceService::RunTask(CallContext context, TaskCall call, Done<SharedResult> done) {
  if (const absl::Status refused = Submit(std::move(context), std::move(call), done); !refused.ok()) {
    done(refused);
  }
}

absl::Status EngineInferenceService::Submit(CallContext context, TaskCall call, Done<SharedResult>& done) {
  if (stopped_) {
    return Stopping();
  }
  ACCELERD_ASSIGN_OR_RETURN(ModelHandle model, FindReadyModel(manager_, call.model));
  const ServingPlan& plan = ServingPlan::Of(*model);
  const std::string who = fmt::format("model \"{}\"", model->name);
  if (!plan.image_format().ok()) {
    return Annotate(plan.image_format().status(), who);
  }
  const Postprocessor& postprocessor = plan.postprocessor(call.task);
  if (const absl::Status fits = postprocessor.Check(call.options); !fits.ok()) {
    return Annotate(fits, who);
  }

  auto run = std::make_shared<TaskRun>(
      TaskRun{model, &postprocessor, std::move(call.image), std::move(call.options), {}, std::move(done)});
  Job job;
  job.model = std::move(model);
  job.client = std::move(context.client);
  job.deadline = context.deadline;
  job.input_bytes = plan.input_bytes();
  job.prepare = [this, run] { return Prepare(*run, loader_, input_buffers_); };
  job.done = [this, run, cancellation = context.cancellation](absl::StatusOr<Tensors> outputs) {
    if (cancellation != nullptr) {
      cancellation->OnCancel(nullptr);
    }
    if (!outputs.ok()) {
      run->done(outputs.status());
      return;
    }
    pool_.Post(CpuPool::Priority::kFinish, [run, outputs = *std::move(outputs)]() mutable { Finish(*run, outputs); });
  };
  const JobId id = scheduler_.Submit(std::move(job));
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([this, id] { scheduler_.Cancel(id); });
  }
  return absl::OkStatus();
}

void EngineInferenceService::DecodeImage(CallContext context, ImageSource image,
                                         Done<std::shared_ptr<const Image>> done) {
  if (stopped_) {
    done(Stopping());
    return;
  }
  if (decodes_.fetch_add(1) >= options_.max_decodes) {
    --decodes_;
    done(WithRetryAfter(
        absl::ResourceExhaustedError(fmt::format("{} images are being decoded; try again later", options_.max_decodes)),
        std::chrono::seconds(1)));
    return;
  }
  pool_.Post(CpuPool::Priority::kPrepare, [this, context = std::move(context), image = std::move(image),
                                           done = std::move(done)]() mutable {
    if (Clock::Steady().Now() > context.deadline) {
      done(WithRetryAfter(absl::DeadlineExceededError("the request's time was over before its image was decoded"),
                          std::chrono::seconds(1)));
    } else if (absl::StatusOr<Image> decoded = loader_.Load(image); decoded.ok()) {
      done(std::make_shared<const Image>(*std::move(decoded)));
    } else {
      done(decoded.status());
    }
    --decodes_;
  });
}

}  // namespace accelerd
