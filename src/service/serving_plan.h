#ifndef ACCELERD_SERVICE_SERVING_PLAN_H_
#define ACCELERD_SERVICE_SERVING_PLAN_H_

#include <array>
#include <cstddef>
#include <memory>

#include "engine/engine_model.h"
#include "service/image_input.h"
#include "task/postprocessor.h"

namespace accelerd {

/// How a model serves images: what goes in, and what is made of what comes out. Made once, when the model is loaded.
/// Immutable and thread-safe.
class ServingPlan : public ModelAttachment {
 public:
  /// An AttachmentFactory. kInvalidArgument: the card contradicts the model.
  static absl::StatusOr<std::shared_ptr<const ModelAttachment>> Create(const ModelInfo& info, const ModelCard& card,
                                                                       const ModelFiles& files);

  /// The plan of a model whose attachment Create made.
  static const ServingPlan& Of(const EngineModel& model) { return static_cast<const ServingPlan&>(*model.attachment); }

  /// How the model's inputs are filled from an image. kFailedPrecondition: the model takes no image.
  const absl::StatusOr<ImageInputs>& image_inputs() const { return image_inputs_; }

  /// Bytes of the input tensor that an image becomes; 0 when the model takes none.
  std::size_t input_bytes() const { return input_bytes_; }

  const Postprocessor& postprocessor(Task task) const { return *postprocessors_.at(static_cast<std::size_t>(task)); }

 private:
  ServingPlan() = default;

  absl::StatusOr<ImageInputs> image_inputs_;
  std::size_t input_bytes_ = 0;
  std::array<std::unique_ptr<Postprocessor>, 4> postprocessors_;  ///< By Task.
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_SERVING_PLAN_H_
