#ifndef ACCELERD_TASK_BOX_CHECK_H_
#define ACCELERD_TASK_BOX_CHECK_H_

#include <array>
#include <string>
#include <vector>

#include "task/result.h"
#include "task/task_model.h"

namespace accelerd {

/// What the corners are relative to, before NAME.toml is asked.
enum class CornerUnit {
  kNormalized,      ///< Unless NAME.toml says otherwise.
  kByValues,        ///< Normalised when all corners are small numbers, pixels of the input when all boxes go beyond.
  kOriginalPixels,  ///< Pixels of the original image, whatever NAME.toml says.
};

/// A box as a model wrote it.
struct RawBox {
  float label = 0.0F;
  float score = 0.0F;
  std::array<float, 4> corners = {};  ///< Left, top, right, bottom.
};

/// Turns the numbers of one output into boxes, and checks that they can be what they are taken for.
class BoxChecker {
 public:
  BoxChecker(const TaskModel& model, const OutputDescription& output, CornerUnit unit, const ImageSize& image,
             float min_score);

  /// Adds the box if its score is over the minimum.
  ///
  /// kInternal: the score, the class or a corner is NaN or infinite. kFailedPrecondition: the score is not from 0 to 1,
  /// the class is no whole number from 0 on, or the corners are not left, top, right, bottom.
  absl::Status Add(const RawBox& box);

  /// Returns the boxes, their corners normalised. kFailedPrecondition: the corners do not fit the unit, or it cannot be
  /// told.
  absl::StatusOr<std::vector<Box>> Finish();

 private:
  absl::Status Refuse(std::string_view reason) const;
  absl::Status CheckScore(float score) const;
  /// Whether corners are pixels.
  absl::StatusOr<bool> InPixels() const;

  const TaskModel& model_;
  const OutputDescription& output_;
  const CornerUnit unit_;
  const ImageSize image_;
  const float min_score_;
  float farthest_ = 0.0F;   ///< The largest coordinate so far, without its sign.
  std::size_t beyond_ = 0;  ///< Boxes that reach farther than normalised ones do.
  std::vector<Box> boxes_;
};

}  // namespace accelerd

#endif  // ACCELERD_TASK_BOX_CHECK_H_
