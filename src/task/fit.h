#ifndef ACCELERD_TASK_FIT_H_
#define ACCELERD_TASK_FIT_H_

/// \file
/// Whether the outputs of a model fit a task, decided without guessing.
///
/// Each function returns nothing when the output is right for the task, and else the reason: what the task needs, what
/// the output is or may be, and which key of NAME.toml decides. All sizes of `shape`, the output's, are known.

#include <cstddef>
#include <string>

#include "task/task_model.h"

namespace accelerd {

std::string ClassifyMisfit(const TaskModel& model, std::size_t index, const Shape& shape);
std::string SegmentMisfit(const TaskModel& model, std::size_t index, const Shape& shape);

/// Whether the scores of a classification need a softmax to be probabilities.
bool NeedsSoftmax(const TaskModel& model, const OutputDescription& output);

/// A hint to append to a misfit of the task `asked`: the task or the output that is certainly right, or that /inference
/// answers the output as it is.
std::string Advice(const TaskModel& model, Task asked, std::size_t index, const Shape& shape);

}  // namespace accelerd

#endif  // ACCELERD_TASK_FIT_H_
