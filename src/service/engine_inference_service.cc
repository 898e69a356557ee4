#include "service/engine_inference_service.h"

#include <chrono>
#include <functional>
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
using SharedImage = std::shared_ptr<const Image>;

absl::Status Stopping() {
  return WithRetryAfter(absl::UnavailableError("the service is shutting down"), std::chrono::seconds(1));
}

/// An accepted call, from its preparation to its result.
struct TaskRun {
  ModelHandle model;
  Client client;
  PriorityClass priority;
  const Postprocessor* postprocessor;
  ImageSource image;
  TaskOptions options;
  std::function<absl::Status(std::size_t bytes)> reserve_result;
  ImageSize size;  ///< Set by the preparation.
  std::shared_ptr<std::string> image_warning;
  Done<SharedResult> done;
};

absl::StatusOr<Tensor> AllocateFrom(BufferPool& buffers, ElementType type, const Shape& shape) {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t bytes, ByteSize(type, shape));
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, buffers.Allocate(bytes));
  return Tensor(type, shape, std::move(buffer));
}

/// `status` of a decoder, with the advice that belongs to a deadline that passed meanwhile.
absl::Status WithDecodeAdvice(const absl::Status& status) {
  if (!absl::IsDeadlineExceeded(status)) {
    return status;
  }
  return WithRetryAfter(WithReason(status, RefusalReasonName(RefusalReason::kExpired)), std::chrono::seconds(1));
}

absl::StatusOr<Tensors> Prepare(TaskRun& run, const ImageLoader& loader, BufferPool& buffers, const DecodeStop& stop) {
  const ImageInputs& inputs = *ServingPlan::Of(*run.model).image_inputs();
  absl::StatusOr<Image> image = loader.Load(run.image, stop);
  run.image = ImageBytes();  // The request's bytes are free for the next one.
  ACCELERD_RETURN_IF_ERROR(WithDecodeAdvice(image.status()));
  if (run.image_warning != nullptr) {
    *run.image_warning = image->warning;
  }
  run.size = {.rows = image->rows, .cols = image->cols};
  // Without room for its result an inference would be in vain.
  if (run.reserve_result != nullptr) {
    ACCELERD_RETURN_IF_ERROR(run.reserve_result(run.postprocessor->ResultBytes(run.size, run.options)));
  }
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

/// The call is over: nobody can cancel it any more.
void Forget(const std::shared_ptr<Cancellation>& cancellation) {
  if (cancellation != nullptr) {
    cancellation->OnCancel(nullptr);
  }
}

absl::StatusOr<SharedResult> MakeResult(const TaskRun& run, const Tensors& outputs) {
  absl::StatusOr<TaskResult> result = run.postprocessor->Run(outputs, run.size, run.options);
  if (!result.ok()) {
    return Annotate(result.status(), fmt::format("model \"{}\"", run.model->name));
  }
  return std::make_shared<const TaskResult>(*std::move(result));
}

/// An accepted call for an image alone.
struct DecodeRun {
  ModelHandle model;  ///< Null.
  Client client;
  PriorityClass priority;
  ImageSource source;
  SharedImage image;                          ///< Set by the decoding.
  std::shared_ptr<const void> decode_memory;  ///< Held until the answer has reserved memory of its own.
  Done<SharedImage> done;
};

absl::StatusOr<Tensors> Decode(DecodeRun& run, const ImageLoader& loader, const DecodeStop& stop) {
  absl::StatusOr<Image> image = loader.Load(run.source, stop);
  run.source = ImageBytes();  // The request's bytes are free while the answer is rendered.
  ACCELERD_RETURN_IF_ERROR(WithDecodeAdvice(image.status()));
  run.decode_memory = std::move(image->memory);
  run.image = std::make_shared<const Image>(*std::move(image));
  return Tensors();
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
                                                     .client = context.client,
                                                     .priority = context.priority,
                                                     .postprocessor = &postprocessor,
                                                     .image = std::move(call.image),
                                                     .options = std::move(call.options),
                                                     .reserve_result = std::move(call.reserve_result),
                                                     .size = {},
                                                     .image_warning = std::move(call.image_warning),
                                                     .done = std::move(done)});
  Job job = MakeJob(context);
  job.model = std::move(model);
  job.input_bytes = plan.input_bytes();
  job.prepare = [this, run, deadline = context.deadline](const std::stop_token& left) {
    return GuardMemory([&] { return Prepare(*run, loader_, input_buffers_, {.left = left, .deadline = deadline}); });
  };
  job.done = [this, run, cancellation = context.cancellation](absl::StatusOr<Tensors> outputs) {
    Forget(cancellation);
    if (!outputs.ok()) {
      run->done(outputs.status());
      return;
    }
    Finish(run,
           [run, outputs = *std::move(outputs)] { run->done(GuardMemory([&] { return MakeResult(*run, outputs); })); });
  };
  Schedule(std::move(job), context.cancellation);
  return absl::OkStatus();
}

void EngineInferenceService::DecodeImage(CallContext context, ImageSource image, Done<SharedImage> done) {
  if (stopped_) {
    done(Stopping());
    return;
  }
  const auto run = std::make_shared<DecodeRun>(DecodeRun{.model = nullptr,
                                                         .client = context.client,
                                                         .priority = context.priority,
                                                         .source = std::move(image),
                                                         .image = nullptr,
                                                         .decode_memory = nullptr,
                                                         .done = std::move(done)});
  Job job = MakeJob(context);
  job.prepare = [this, run, deadline = context.deadline](const std::stop_token& left) {
    return GuardMemory([&] { return Decode(*run, loader_, {.left = left, .deadline = deadline}); });
  };
  job.done = [this, run, cancellation = context.cancellation](const absl::StatusOr<Tensors>& decoded) {
    Forget(cancellation);
    if (!decoded.ok()) {
      run->done(decoded.status());
      return;
    }
    Finish(run, [run] { run->done(std::exchange(run->image, nullptr)); });
  };
  Schedule(std::move(job), context.cancellation);
}

Job EngineInferenceService::MakeJob(CallContext& context) {
  Job job;
  job.client = std::move(context.client);
  job.priority = context.priority;
  job.stream = std::move(context.stream);
  job.deadline = context.deadline;
  return job;
}

void EngineInferenceService::Schedule(Job job, const std::shared_ptr<Cancellation>& cancellation) {
  const JobId id = scheduler_.Submit(std::move(job));
  if (cancellation != nullptr) {
    cancellation->OnCancel([this, id] { scheduler_.Cancel(id); });
  }
}

template <typename Run, typename Work>
void EngineInferenceService::Finish(const std::shared_ptr<Run>& run, Work work) {
  // The caller that waited for the result may destroy the service before the charge.
  pool_.Post(CpuPool::Priority::kFinish, [&scheduler = scheduler_, run, work = std::move(work)] {
    const Time begin = Clock::Steady().Now();
    work();
    scheduler.ChargeProcessor(run->client, run->priority, run->model, Clock::Steady().Now() - begin);
  });
}

}  // namespace accelerd
