#ifndef ACCELERD_TASK_TASKS_H_
#define ACCELERD_TASK_TASKS_H_

/// \file
/// The postprocessors, one file each. registry.cc lists them.

#include <memory>

#include "task/postprocessor.h"

namespace accelerd {

/// The output as it is, without its batch dimension: the first item.
std::unique_ptr<Postprocessor> MakeInference(const ModelInfo& info, const ModelCard& card);

/// Classes over the score, from one score a class. The output's quantisation is undone, with the card's output_scale in
/// place of the graph's where it is set; a softmax makes probabilities of them where the card says so, or where neither
/// the card nor the graph says that they are probabilities already.
std::unique_ptr<Postprocessor> MakeClassify(const ModelInfo& info, const ModelCard& card);

/// Boxes over the score, from SSD rows [image, class, score, left, top, right, bottom], corners normalised. A row whose
/// image is negative ends the list; rows of other images than the first row's belong to other items of the batch.
std::unique_ptr<Postprocessor> MakeDetect(const ModelInfo& info, const ModelCard& card);

/// The class of each pixel: the best of the scores [1,C,H,W] or [1,H,W,C], or the integers of a map [1,H,W], [1,1,H,W],
/// [1,H,W,1]; stretched to the original image by nearest neighbour.
std::unique_ptr<Postprocessor> MakeSegment(const ModelInfo& info, const ModelCard& card);

}  // namespace accelerd

#endif  // ACCELERD_TASK_TASKS_H_
