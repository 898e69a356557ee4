#ifndef ACCELERD_TASK_BOX_OUTPUTS_H_
#define ACCELERD_TASK_BOX_OUTPUTS_H_

#include <cstddef>
#include <optional>

#include "task/task_model.h"

namespace accelerd {

/// The outputs of a detector that answers its boxes, labels and scores separately.
struct BoxOutputs {
  std::size_t boxes = 0;                   ///< [N,4] or [1,N,4]; with 5 columns the last one is the score.
  std::size_t columns = 4;                 ///< 4 or 5.
  std::optional<std::size_t> labels = {};  ///< [N] or [1,N]: the class of each box; absent: all are of class 0.
  std::optional<std::size_t> scores = {};  ///< Likewise, the score; absent with 5 columns.
  std::optional<std::size_t> count = {};   ///< One number: how many boxes are meant.
  bool vertical_first = false;             ///< Columns top, left, bottom, right, as in TensorFlow's detection_boxes.
};

/// Finds the outputs of boxes with labels and scores: of Open Model Zoo, OTX and Geti (boxes [N,5], labels [N]),
/// torchvision, MMDeploy, RT-DETR (boxes [N,4], labels [N], scores [N]) and TensorFlow's object detection
/// (detection_boxes, detection_classes, detection_scores, num_detections).
///
/// Labels are integers, or are called so. Returns nullopt when the outputs are anything else, or more than one of them
/// may be the boxes, labels or scores.
std::optional<BoxOutputs> FindBoxOutputs(const TaskModel& model);

}  // namespace accelerd

#endif  // ACCELERD_TASK_BOX_OUTPUTS_H_
