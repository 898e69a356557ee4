#ifndef ACCELERD_TASK_SHAPES_H_
#define ACCELERD_TASK_SHAPES_H_

#include <cstddef>

#include "base/tensor.h"

namespace accelerd {

/// Whether an output holds one score a class for each item of its batch: at most one size after the batch is not 1. A
/// shape of one dimension has no batch.
bool IsClassScores(const Shape& shape);

/// Whether an output has the shape of SSD rows: [1,1,N,7], [1,N,7], or [N,7] with N over 1, since [1,7] are seven
/// classes. Only the shape of four dimensions says that the rows are those of SSD.
bool IsSsdRows(const Shape& shape);

/// Whether an output holds whole numbers.
bool IsInteger(ElementType type);

/// How many classes an output of class scores tells apart; 0 for another shape, and for one that leaves sizes open.
std::size_t ClassCount(const Shape& shape);

/// Elements of the batch's first item. REQUIRES: no size is negative.
std::size_t ItemElements(const Shape& shape);

}  // namespace accelerd

#endif  // ACCELERD_TASK_SHAPES_H_
