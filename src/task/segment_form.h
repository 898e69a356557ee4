#ifndef ACCELERD_TASK_SEGMENT_FORM_H_
#define ACCELERD_TASK_SEGMENT_FORM_H_

#include <cstddef>
#include <string>

#include "task/task_model.h"

namespace accelerd {

/// How an output holds the classes of an image's pixels.
enum class SegmentForm {
  kMap,           ///< The class of each pixel: [1,H,W], [1,1,H,W] or [1,H,W,1].
  kMask,          ///< One number for each pixel, whose shape is likewise: class 1 where it is a probability over 0.5.
  kPlanarScores,  ///< One score for each class: [1,C,H,W].
  kPackedScores,  ///< Likewise: [1,H,W,C].
};

/// How an output is turned into a mask, or why it is not.
struct SegmentPlan {
  SegmentForm form = SegmentForm::kMap;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t classes = 1;
  bool sigmoid = false;  ///< kMask: the numbers become probabilities by a sigmoid.
  std::string misfit;    ///< Not empty: the output does not fit, or it cannot be told.
};

/// Decides by NAME.toml, the output's layout, the graph and the shape of the image input, in this order. REQUIRES: all
/// sizes of `shape` are known.
SegmentPlan PlanSegment(const TaskModel& model, std::size_t index, const Shape& shape);

}  // namespace accelerd

#endif  // ACCELERD_TASK_SEGMENT_FORM_H_
