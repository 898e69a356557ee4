#ifndef ACCELERD_TASK_BOX_ROWS_H_
#define ACCELERD_TASK_BOX_ROWS_H_

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "task/box_outputs.h"
#include "task/result.h"
#include "task/task_model.h"

namespace accelerd {

/// The columns of rows that hold a box each.
struct RowFormat {
  std::size_t columns = 7;
  std::optional<std::size_t> image = 0;  ///< The number of the image in the batch; negative: the list ends.
  std::size_t label = 1;
  std::size_t score = 2;
  std::size_t left = 3;          ///< Left, top, right and bottom follow each other.
  bool original_pixels = false;  ///< Corners are in pixels of the original image, whatever the values are.
};

inline constexpr RowFormat kSsdRows;
inline constexpr RowFormat kPaddleRows = {
    .columns = 6, .image = std::nullopt, .label = 0, .score = 1, .left = 2, .original_pixels = true};

/// Makes boxes of rows, in their order: those over the score. Rows of other images of the batch are left out.
///
/// kInternal: a value is NaN or infinite. kFailedPrecondition: a value cannot be what the format says, such as a score
/// over 1 or a class that is no whole number; the message names the key of NAME.toml that helps. REQUIRES: the shape of
/// `tensor` ends in the columns.
absl::StatusOr<std::vector<Box>> BoxesOfRows(const TaskModel& model, std::size_t index, const Tensor& tensor,
                                             const RowFormat& format, const ImageSize& image, float min_score);

/// Makes boxes of outputs that answer boxes, labels and scores separately. Errors as BoxesOfRows; kFailedPrecondition
/// also when the outputs do not have the same number of rows.
absl::StatusOr<std::vector<Box>> BoxesOfOutputs(const TaskModel& model, const BoxOutputs& found,
                                                std::span<const Tensor> outputs, const ImageSize& image,
                                                float min_score);

}  // namespace accelerd

#endif  // ACCELERD_TASK_BOX_ROWS_H_
