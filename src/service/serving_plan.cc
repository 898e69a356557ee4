#include "service/serving_plan.h"

#include <utility>

#include "base/log.h"
#include "fmt/core.h"
#include "service/image_input.h"
#include "task/shapes.h"

namespace accelerd {

namespace {

/// `known` is `card` with the gaps that the model's own metadata fills.
void WarnOfMissingLabels(const ModelInfo& info, const ModelCard& card, const ModelCard& known,
                         const ModelFiles& files) {
  const std::size_t classes = info.signature.outputs.empty() ? 0 : ClassCount(info.signature.outputs.front().shape);
  if (!known.labels.empty() && known.labels.size() < classes) {
    LogWarning("models", fmt::format("{}: its labels name {} of {} classes; the others are named by their number",
                                     card.labels.empty() ? files.main : files.card, known.labels.size(), classes));
  }
}

/// Says what is assumed of a float input whose scale neither the model's files nor its card state. The original
/// service's kind of model is fed 0 to 255 by its contract, and needs no notice.
void NoteAssumedRange(const ImageFormat& format, const ModelCard& known, const ModelFiles& files) {
  if (format.element_type == ElementType::kU8 || files.format == ModelFormat::kOpenvinoIr || !known.mean.empty() ||
      !known.scale.empty()) {
    return;
  }
  LogInfo(
      "models",
      fmt::format("{}: nothing states how its input is normalised, so it is fed values from 0 to 255 in the order {}; "
                  "set mean, scale and color_order in {} if that is wrong (often mean = 127.5 and scale = 127.5, or "
                  "scale = 255)",
                  files.main, format.rgb ? "RGB" : "BGR", files.card));
}

/// The image format by `known`. When the model's metadata, and not its card, contradicts the model, the model loads
/// and only images are refused: the error is kFailedPrecondition then.
absl::StatusOr<ImageFormat> ResolveFormat(const ModelInfo& info, const ModelCard& card, const ModelCard& known,
                                          const ModelFiles& files) {
  absl::StatusOr<ImageFormat> format = ResolveImageFormat(info.signature, known, files.format);
  if (!absl::IsInvalidArgument(format.status())) {
    return format;
  }
  if (const auto by_card = ResolveImageFormat(info.signature, card, files.format);
      absl::IsInvalidArgument(by_card.status())) {
    return Annotate(by_card.status(), files.card);
  }
  return absl::FailedPreconditionError(fmt::format(
      "the model's own metadata contradicts its input: {}; set the right value in the TOML file beside the model",
      Message(format.status())));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ModelAttachment>> ServingPlan::Create(const ModelInfo& info, const ModelCard& card,
                                                                           const ModelFiles& files) {
  std::shared_ptr<ServingPlan> plan(new ServingPlan());
  const ModelCard known = WithMetadata(card, info.metadata, info.signature.inputs);
  plan->image_format_ = ResolveFormat(info, card, known, files);
  if (plan->image_format_.ok()) {
    ACCELERD_ASSIGN_OR_RETURN(plan->input_bytes_,
                              ByteSize(plan->image_format_->element_type, plan->image_format_->shape()));
    NoteAssumedRange(*plan->image_format_, known, files);
  } else if (absl::IsInvalidArgument(plan->image_format_.status())) {
    return plan->image_format_.status();
  }
  WarnOfMissingLabels(info, card, known, files);
  for (const Task task : {Task::kInference, Task::kClassify, Task::kDetect, Task::kSegment}) {
    plan->postprocessors_.at(static_cast<std::size_t>(task)) = CreatePostprocessor(task, info, known);
  }
  return std::shared_ptr<const ModelAttachment>(std::move(plan));
}

}  // namespace accelerd
