#include "service/engine_inference_service.h"

#include <chrono>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/memory_guard.h"
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
  std::shared_ptr<std::string> image_warning;
  std::stop_source answered;  ///< Stops the preparation when the call is answered before it ends.
  Done<SharedResult> done;
};

/// `status` of a decoder, with the advice that belongs to a deadline that passed meanwhile.
absl::Status WithDecodeAdvice(const absl::Status& status) {
  if (!absl::IsDeadlineExceeded(status)) {
    return status;
  }
  return WithRetryAfter(WithReason(status, RefusalReasonName(RefusalReason::kExpired)), std::chrono::seconds(1));
}

absl::StatusOr<Tensors> Prepare(TaskRun& run, const ImageLoader& loader, BufferPool& buffers, Time deadline) {
  const ImageFormat& format = *ServingPlan::Of(*run.model).image_format();
  absl::StatusOr<Image> image = loader.Load(run.image, {.left = run.answered.get_token(), .deadline = deadline});
  run.image = ImageBytes();  // The request's bytes are free for the next one.
  ACCELERD_RETURN_IF_ERROR(WithDecodeAdvice(image.status()));
  if (run.image_warning != nullptr) {
    *run.image_warning = image->warning;
  }
  run.size = {.rows = image->rows, .cols = image->cols};
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                            buffers.Allocate(ServingPlan::Of(*run.model).input_bytes()));
  Tensor tensor(format.element_type, format.shape(), std::move(buffer));
  ACCELERD_RETURN_IF_ERROR(ImageToTensor(*image, format, tensor));
  return Tensors{std::move(tensor)};
}

absl::StatusOr<SharedResult> MakeResult(const TaskRun& run, const Tensors& outputs) {
  absl::StatusOr<TaskResult> result = run.postprocessor->Run(outputs, run.size, run.options);
  if (!result.ok()) {
    return Annotate(result.status(), fmt::format("model \"{}\"", run.model->name));
  }
  return std::make_shared<const TaskResult>(*std::move(result));
}

absl::Status DecodesTooMany(int limit) {
  const absl::Status status =
      absl::ResourceExhaustedError(fmt::format("{} images are being decoded; try again later", limit));
  return WithRetryAfter(WithReason(status, RefusalReasonName(RefusalReason::kQueueFull)), std::chrono::seconds(1));
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

  const auto run = std::make_shared<TaskRun>(TaskRun{.model = model,
                                                     .postprocessor = &postprocessor,
                                                     .image = std::move(call.image),
                                                     .options = std::move(call.options),
                                                     .size = {},
                                                     .image_warning = std::move(call.image_warning),
                                                     .answered = {},
                                                     .done = std::move(done)});
  Job job;
  job.model = std::move(model);
  job.client = std::move(context.client);
  job.priority = context.priority;
  job.stream = std::move(context.stream);
  job.deadline = context.deadline;
  job.input_bytes = plan.input_bytes();
  job.prepare = [this, run, deadline = context.deadline] {
    return GuardMemory([&] { return Prepare(*run, loader_, input_buffers_, deadline); });
  };
  job.done = [this, run, cancellation = context.cancellation](absl::StatusOr<Tensors> outputs) {
    if (cancellation != nullptr) {
      cancellation->OnCancel(nullptr);
    }
    run->answered.request_stop();
    if (!outputs.ok()) {
      run->done(outputs.status());
      return;
    }
    pool_.Post(CpuPool::Priority::kFinish, [run, outputs = *std::move(outputs)] {
      run->done(GuardMemory([&] { return MakeResult(*run, outputs); }));
    });
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
    done(DecodesTooMany(options_.max_decodes));
    return;
  }
  std::stop_source left;
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([left]() mutable { left.request_stop(); });
  }
  // Its answer shares the threads with inferences: it waits for theirs, which keep the device busy.
  DecodeStop stop = {.left = left.get_token(), .deadline = context.deadline};
  pool_.Post(CpuPool::Priority::kDecode,
             [this, stop = std::move(stop), image = std::move(image), done = std::move(done)]() mutable {
               using SharedImage = std::shared_ptr<const Image>;
               std::shared_ptr<const void> decode_memory;  // Until the answer has reserved its own.
               absl::StatusOr<SharedImage> decoded = GuardMemory([&]() -> absl::StatusOr<SharedImage> {
                 ACCELERD_RETURN_IF_ERROR(WithDecodeAdvice(stop.Check()));
                 absl::StatusOr<Image> pixels = loader_.Load(image, stop);
                 ACCELERD_RETURN_IF_ERROR(WithDecodeAdvice(pixels.status()));
                 decode_memory = std::move(pixels->memory);
                 return std::make_shared<const Image>(*std::move(pixels));
               });
               image = ImageBytes();  // The request's bytes are free while the answer is rendered.
               --decodes_;
               done(std::move(decoded));
             });
}

}  // namespace accelerd
