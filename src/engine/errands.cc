#include "engine/errands.h"

#include "fmt/core.h"

namespace accelerd {

JobInfo InfoOf(const JobEntry& entry) {
  return {.id = entry.id,
          .model = GenerationOf(entry.job.model),
          .client = entry.job.client,
          .priority = entry.job.priority,
          .stream = entry.job.stream,
          .deadline = entry.job.deadline,
          .input_bytes = entry.job.input_bytes,
          .prepared = !entry.job.prepare};
}

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) {
    return Outcome::kOk;
  }
  if (!absl::IsUnavailable(status)) {
    return Outcome::kRequestError;
  }
  return LossKindOf(status) == LossKind::kCrash ? Outcome::kDeviceCrash : Outcome::kDeviceFault;
}

absl::StatusOr<Tensors> AnswerOf(absl::StatusOr<RunResult> result) {
  if (result.ok()) {
    return std::move(result->outputs);
  }
  const absl::Status& status = result.status();
  if (absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status)) {
    return status;
  }
  return absl::InternalError(fmt::format("the inference failed: {}", Message(status)));
}

void ReportFaults(const Errands& errands) {
  if (errands.observer == nullptr) {
    return;
  }
  for (const Decisions::Hang& hang : errands.hangs) {
    errands.observer->DeviceHangs(hang.device, hang.model, hang.bound);
  }
  for (const ModelGeneration model : errands.suspects) {
    errands.observer->ModelSuspect(model);
  }
}

}  // namespace accelerd
