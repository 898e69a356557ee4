#include "task/box_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fmt/core.h"
#include "task/scores.h"

namespace accelerd {
namespace {

/// Beyond it a number is no class, and would overflow.
constexpr float kMaxClass = 1e6F;

/// Boxes within it are normalised, where the values decide: a model may answer a little beyond the image. Others are in
/// pixels.
constexpr float kUsualNormalized = 2.0F;

/// Beyond it a corner is not normalised. Detectors that do not clip their boxes answer wild ones with low scores.
constexpr float kFarthestNormalized = 10.0F;

/// Beyond it a number is no pixel of an image.
constexpr float kFarthestPixel = 1e6F;

/// Rounding may turn the edges of a box without extent.
constexpr float kEdgeTolerance = 1e-3F;

bool IsWhole(float value) {
  constexpr float kRounding = 0.01F;  // Quantisation leaves a trace.
  return std::abs(value - std::nearbyint(value)) <= kRounding;
}

}  // namespace

BoxChecker::BoxChecker(const TaskModel& model, const OutputDescription& output, CornerUnit unit, const ImageSize& image,
                       float min_score)
    : model_(model), output_(output), unit_(unit), image_(image), min_score_(min_score) {}

absl::Status BoxChecker::Refuse(std::string_view reason) const {
  return absl::FailedPreconditionError(
      fmt::format("model output \"{}\" holds no boxes that can be answered: {}", output_.spec.name, reason));
}

absl::Status BoxChecker::CheckScore(float score) const {
  if (IsProbability(score)) {
    return absl::OkStatus();
  }
  return Refuse(fmt::format(
      "a score of {}, but scores are from 0 to 1; if the model answers percent or bytes, set output_scale in the TOML "
      "beside the model, such as 0.01",
      score));
}

absl::Status BoxChecker::Add(const RawBox& box) {
  if (!std::isfinite(box.score)) {
    return absl::InternalError(
        fmt::format("model output \"{}\" holds no score for a box: {}", output_.spec.name, box.score));
  }
  if (box.label < 0.0F && box.score <= 0.0F) {
    return absl::OkStatus();  // Filler behind the last box.
  }
  ACCELERD_RETURN_IF_ERROR(CheckScore(box.score));
  if (box.score <= min_score_) {
    return absl::OkStatus();
  }
  const auto& corners = box.corners;
  if (!std::isfinite(box.label) || !std::ranges::all_of(corners, [](float corner) { return std::isfinite(corner); })) {
    return absl::InternalError(fmt::format("model output \"{}\" holds NaN or infinity in a box", output_.spec.name));
  }
  if (box.label < 0.0F || box.label > kMaxClass || !IsWhole(box.label)) {
    return Refuse(fmt::format("{} in place of a class", box.label));
  }
  const float extent = std::max({1.0F, std::abs(corners[2]), std::abs(corners[3])});
  if (corners[2] < corners[0] - kEdgeTolerance * extent || corners[3] < corners[1] - kEdgeTolerance * extent) {
    return Refuse(fmt::format("{}, {}, {}, {} in place of left, top, right and bottom", corners[0], corners[1],
                              corners[2], corners[3]));
  }
  const auto [least, most] = std::ranges::minmax(corners);
  const float reach = std::max(std::abs(least), std::abs(most));
  farthest_ = std::max(farthest_, reach);
  beyond_ += reach > kUsualNormalized ? 1 : 0;
  const auto index = static_cast<int>(std::lround(box.label));
  boxes_.push_back({index, std::min(box.score, 1.0F), corners[0], corners[1], std::max(corners[0], corners[2]),
                    std::max(corners[1], corners[3]), LabelOf(model_.card.labels, static_cast<std::size_t>(index))});
  return absl::OkStatus();
}

absl::StatusOr<bool> BoxChecker::InPixels() const {
  constexpr std::string_view kHint =
      "set box_unit = \"normalized\" or box_unit = \"pixels\" in the TOML beside the model";
  if (unit_ == CornerUnit::kOriginalPixels || model_.card.box_unit == BoxUnit::kPixels) {
    return true;
  }
  if (unit_ == CornerUnit::kByValues && !model_.card.box_unit) {
    if (beyond_ != 0 && beyond_ != boxes_.size()) {
      return Refuse(fmt::format("it cannot be told whether corners are normalised or pixels; {}", kHint));
    }
    return beyond_ != 0;
  }
  if (farthest_ > kFarthestNormalized) {
    return Refuse(fmt::format("a corner at {}, which is not normalised; {}", farthest_, kHint));
  }
  return false;
}

absl::StatusOr<std::vector<Box>> BoxChecker::Finish() {
  ACCELERD_ASSIGN_OR_RETURN(const bool pixels, InPixels());
  if (!pixels) {
    return std::move(boxes_);
  }
  if (farthest_ > kFarthestPixel) {
    return Refuse(fmt::format("a corner at {}", farthest_));
  }
  const bool original = unit_ == CornerUnit::kOriginalPixels;
  const auto rows = static_cast<float>(original ? image_.rows : model_.input.rows);
  const auto cols = static_cast<float>(original ? image_.cols : model_.input.cols);
  if (rows <= 0.0F || cols <= 0.0F) {
    return Refuse("corners in pixels of an image of unknown size");
  }
  for (Box& box : boxes_) {
    box.left /= cols;
    box.right /= cols;
    box.top /= rows;
    box.bottom /= rows;
  }
  return std::move(boxes_);
}

}  // namespace accelerd
