#ifndef ACCELERD_TASK_TASKS_H_
#define ACCELERD_TASK_TASKS_H_

/// \file
/// The postprocessors, one file each. registry.cc lists them.

#include <memory>

#include "task/postprocessor.h"
#include "task/task_model.h"

namespace accelerd {

/// Answers the output as it is, without its batch dimension: the first item. A model without a batch dimension has
/// nothing to leave out.
std::unique_ptr<Postprocessor> MakeInference(std::shared_ptr<const TaskModel> model);

/// Answers the classes over the score, from one score a class. The output's quantisation is undone, with the card's
/// output_scale in place of the graph's where it is set. A softmax makes probabilities of the scores where the card
/// says so, or where neither the card nor the graph says that they are probabilities already.
std::unique_ptr<Postprocessor> MakeClassify(std::shared_ptr<const TaskModel> model);

/// Answers the boxes over the score, from SSD rows [image, class, score, left, top, right, bottom] or from outputs of
/// boxes, labels and scores (box_outputs.h). A row whose image is negative ends the list; rows of other images than the
/// first row's belong to other items of the batch.
std::unique_ptr<Postprocessor> MakeDetect(std::shared_ptr<const TaskModel> model);

/// Answers the class of each pixel, stretched to the original image by nearest neighbour: the best of the scores
/// [1,C,H,W] or [1,H,W,C], the numbers of a map [1,H,W], or whether the probability of a mask of one channel is over
/// 0.5 (segment_form.h).
std::unique_ptr<Postprocessor> MakeSegment(std::shared_ptr<const TaskModel> model);

}  // namespace accelerd

#endif  // ACCELERD_TASK_TASKS_H_
