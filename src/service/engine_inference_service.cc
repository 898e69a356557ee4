#include "service/engine_inference_service.h"

#include <chrono>
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
  Done<SharedResult> done;
};

absl::StatusOr<Tensor> AllocateFrom(BufferPool& buffers, ElementType type, const Shape& shape) {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t bytes, ByteSize(type, shape));
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, buffers.Allocate(bytes));
  return Tensor(type, shape, std::move(buffer));
}

absl::StatusOr<Tensors> Prepare(TaskRun& run, const ImageLoader& loader, BufferPool& buffers) {
  const ImageInputs& inputs = *ServingPlan::Of(*run.model).image_inputs();
  absl::StatusOr<Image> image = loader.Load(run.image);
  run.image = ImageBytes();  // The request's bytes are free for the next one.
  ACCELERD_RETURN_IF_ERROR(image.status());
  run.size = {.rows = image->rows, .cols = image->cols};
  Tensors tensors(inputs.sizes.size() + 1);
  ACCELERD_ASSIGN_OR_RETURN(tensors[inputs.image],
                            AllocateFrom(buffers, inputs.format.element_type, inputs.format.shape()));
  ACCELERD_RETURN_IF_ERROR(ImageToTensor(*image, inputs.format, tensors[inputs.image]));
  for (const SizeInput& size : inputs.sizes) {
    ACCELERD_ASSIGN_OR_RETURN(tensors[size.index], AllocateFrom(buffers, size.element_type, size.shape));
    FillSizeInput(size, inputs.format, run.size, tensors[size.index]);
  }
  return tensors;
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

/// What stands against a decoding that waited for its turn.
absl::Status CheckWanted(const std::atomic<bool>& cancelled, Time deadline) {
  if (cancelled) {
    return absl::CancelledError("the caller left");
  }
  if (Clock::Steady().Now() > deadline) {
    const absl::Status status = absl::DeadlineExceededError("the request's time was over before its image was decoded");
    return WithRetryAfter(WithReason(status, RefusalReasonName(RefusalReason::kExpired)), std::chrono::seconds(1));
  }
  return absl::OkStatus();
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
  if (!plan.image_inputs().ok()) {
    return Annotate(plan.image_inputs().status(), who);
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
                                                     .done = std::move(done)});
  Job job;
  job.model = std::move(model);
  job.client = std::move(context.client);
  job.priority = context.priority;
  job.stream = std::move(context.stream);
  job.deadline = context.deadline;
  job.input_bytes = plan.input_bytes();
  job.prepare = [this, run] { return GuardMemory([&] { return Prepare(*run, loader_, input_buffers_); }); };
  job.done = [this, run, cancellation = context.cancellation](absl::StatusOr<Tensors> outputs) {
    if (cancellation != nullptr) {
      cancellation->OnCancel(nullptr);
    }
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
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([cancelled] { *cancelled = true; });
  }
  // Its answer shares the threads with inferences: it waits for theirs, which keep the device busy.
  pool_.Post(CpuPool::Priority::kDecode, [this, cancelled, deadline = context.deadline, image = std::move(image),
                                          done = std::move(done)]() mutable {
    using SharedImage = std::shared_ptr<const Image>;
    absl::StatusOr<SharedImage> decoded = GuardMemory([&]() -> absl::StatusOr<SharedImage> {
      ACCELERD_RETURN_IF_ERROR(CheckWanted(*cancelled, deadline));
      ACCELERD_ASSIGN_OR_RETURN(Image pixels, loader_.Load(image));
      return std::make_shared<const Image>(std::move(pixels));
    });
    image = ImageBytes();  // The request's bytes are free while the answer is rendered.
    --decodes_;
    done(std::move(decoded));
  });
}

}  // namespace accelerd
