#ifndef ACCELERD_TASK_SHAPES_H_
#define ACCELERD_TASK_SHAPES_H_

#include <cstddef>
#include <string_view>

#include "base/tensor.h"

namespace accelerd {

/// Whether an output holds one score a class for each item of its batch: at most one size after the batch is not 1. A
/// shape of one dimension has no batch.
bool IsClassScores(const Shape& shape);

/// Whether an output holds SSD rows: [1,1,N,7], [1,N,7], or [N,7] with N over 1, since [1,7] are seven classes.
bool IsSsdRows(const Shape& shape);

/// Whether an output holds whole numbers.
bool IsInteger(ElementType type);

/// How an output holds the classes of an image's pixels.
enum class SegmentForm { kNone, kMap, kPlanarScores, kPackedScores };

/// `packed` says that the last of four dimensions are the classes ([1,H,W,C]); else it is the second ([1,C,H,W]).
/// Integers of one channel are a map of classes.
SegmentForm SegmentFormOf(ElementType type, const Shape& shape, bool packed);

/// A hint to append to a misfit, "; this looks like …, use …", or nothing.
std::string_view GuessTask(ElementType type, const Shape& shape);

/// How many classes an output of class scores tells apart; 0 for another shape, and for one that leaves sizes open.
std::size_t ClassCount(const Shape& shape);

/// Elements of the batch's first item. REQUIRES: no size is negative.
std::size_t ItemElements(const Shape& shape);

}  // namespace accelerd

#endif  // ACCELERD_TASK_SHAPES_H_
