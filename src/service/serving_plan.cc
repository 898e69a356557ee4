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
  if (format.element_type == ElementType::kU8 || format.element_type == ElementType::kI8 ||
      files.format == ModelFormat::kOpenvinoIr || !known.mean.empty() || !known.scale.empty()) {
    return;
  }
  LogInfo(
      "models",
      fmt::format("{}: nothing states how its input is normalised, so it is fed values from 0 to 255 in the order {}; "
                  "set mean, scale and color_order in {} if that is wrong (often mean = 127.5 and scale = 127.5, or "
                  "scale = 255)",
                  files.main, format.rgb ? "RGB" : "BGR", files.card));
}

/// How images are fed by `known`. When the model's metadata, and not its card, contradicts the model, the model loads
/// and only images are refused: the error is kFailedPrecondition then.
absl::StatusOr<ImageInputs> ResolveInputs(const ModelInfo& info, const ModelCard& card, const ModelCard& known,
                                          const ModelFiles& files) {
  absl::StatusOr<ImageInputs> inputs = ResolveImageInputs(info, known, files.format);
  if (!absl::IsInvalidArgument(inputs.status())) {
    return inputs;
  }
  if (const auto by_card = ResolveImageInputs(info, card, files.format); absl::IsInvalidArgument(by_card.status())) {
    return Annotate(by_card.status(), files.card);
  }
  return absl::FailedPreconditionError(fmt::format(
      "the model's own metadata contradicts its input: {}; set the right value in the TOML file beside the model",
      Message(inputs.status())));
}

/// Says at load what is assumed of the images that a model gets, and why it gets none.
void LogImages(const ModelInfo& info, const absl::StatusOr<ImageInputs>& inputs, const ModelFiles& files) {
  if (!inputs.ok()) {
    LogWarning("models",
               fmt::format("{}: images cannot be sent to this model: {}", files.main, Message(inputs.status())));
    return;
  }
  const ImageFormat& format = inputs->format;
  if (format.element_type == ElementType::kI8) {
    LogInfo("models",
            fmt::format("{}: input \"{}\" is i8: it gets {}", files.main, info.signature.inputs[inputs->image].name,
                        info.inputs.size() > inputs->image && format.quantization->zero_point != -128.0F
                            ? "normalised values as the graph quantises them"
                            : "each byte of the image minus 128"));
  }
}

InputDescription Describe(const ModelInfo& info, const absl::StatusOr<ImageInputs>& inputs) {
  if (!inputs.ok()) {
    return {};
  }
  InputDescription description{.rows = inputs->format.height,
                               .cols = inputs->format.width,
                               .batch = inputs->format.batch,
                               .has_batch = inputs->format.has_batch};
  const Shape& shape = info.signature.inputs[inputs->image].shape;
  description.batch_is_fixed = description.has_batch && shape[0] > 0;
  for (const SizeInput& size : inputs->sizes) {
    const bool scale = size.content == SizeContent::kScaleFactor;
    description.is_paddle_detection = description.is_paddle_detection || scale;
    description.knows_original_size =
        description.knows_original_size || scale || size.content == SizeContent::kTargetSizes;
  }
  return description;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ModelAttachment>> ServingPlan::Create(const ModelInfo& info, const ModelCard& card,
                                                                           const ModelFiles& files) {
  std::shared_ptr<ServingPlan> plan(new ServingPlan());
  const ModelCard known = WithMetadata(card, info.metadata, info.signature.inputs);
  plan->image_inputs_ = ResolveInputs(info, card, known, files);
  if (plan->image_inputs_.ok()) {
    const ImageFormat& format = plan->image_inputs_->format;
    ACCELERD_ASSIGN_OR_RETURN(plan->input_bytes_, ByteSize(format.element_type, format.shape()));
    NoteAssumedRange(format, known, files);
  } else if (absl::IsInvalidArgument(plan->image_inputs_.status())) {
    return plan->image_inputs_.status();
  }
  LogImages(info, plan->image_inputs_, files);
  WarnOfMissingLabels(info, card, known, files);
  const InputDescription input = Describe(info, plan->image_inputs_);
  for (const Task task : {Task::kInference, Task::kClassify, Task::kDetect, Task::kSegment}) {
    plan->postprocessors_.at(static_cast<std::size_t>(task)) = CreatePostprocessor(task, info, known, input);
  }
  return std::shared_ptr<const ModelAttachment>(std::move(plan));
}

}  // namespace accelerd
