#include "service/serving_plan.h"

#include <utility>

#include "base/log.h"
#include "fmt/core.h"
#include "service/image_input.h"
#include "task/shapes.h"

namespace accelerd {

namespace {

void WarnOfMissingLabels(const ModelInfo& info, const ModelCard& card, const ModelFiles& files) {
  const std::size_t classes = info.signature.outputs.empty() ? 0 : ClassCount(info.signature.outputs.front().shape);
  if (!card.labels.empty() && card.labels.size() < classes) {
    LogWarning("models", fmt::format("{}: its labels name {} of {} classes; the others are named by their number",
                                     files.card, card.labels.size(), classes));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ModelAttachment>> ServingPlan::Create(const ModelInfo& info, const ModelCard& card,
                                                                           const ModelFiles& files) {
  std::shared_ptr<ServingPlan> plan(new ServingPlan());
  plan->image_format_ = ResolveImageFormat(info.signature, card, files.format);
  if (plan->image_format_.ok()) {
    ACCELERD_ASSIGN_OR_RETURN(plan->input_bytes_,
                              ByteSize(plan->image_format_->element_type, plan->image_format_->shape()));
  } else if (absl::IsInvalidArgument(plan->image_format_.status())) {
    return Annotate(plan->image_format_.status(), files.card);
  }
  WarnOfMissingLabels(info, card, files);
  for (const Task task : {Task::kInference, Task::kClassify, Task::kDetect, Task::kSegment}) {
    plan->postprocessors_.at(static_cast<std::size_t>(task)) = CreatePostprocessor(task, info, card);
  }
  return std::shared_ptr<const ModelAttachment>(std::move(plan));
}

}  // namespace accelerd
