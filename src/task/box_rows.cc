#include "task/box_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"
#include "task/box_check.h"

namespace accelerd {
namespace {

std::vector<float> NumbersOf(const OutputDescription& output, const Tensor& tensor) {
  std::vector<float> values = ToFloats(tensor, tensor.byte_size() / ElementSize(tensor.element_type()));
  if (output.is_scaled()) {
    Dequantize(&values, output.facts.scale, output.facts.zero_point);
  }
  return values;
}

/// Whether the row belongs to the image of the first row; nullopt when the list ends before it.
absl::StatusOr<std::optional<bool>> BelongsToFirst(const OutputDescription& output, float image, float first) {
  if (std::isnan(image) || std::isinf(image)) {
    return absl::InternalError(
        fmt::format("model output \"{}\" holds {} in place of an image's number", output.spec.name, image));
  }
  constexpr float kRounding = 0.01F;
  if (image < -kRounding) {
    return std::nullopt;
  }
  if (std::abs(image - std::nearbyint(image)) > kRounding) {
    return absl::FailedPreconditionError(fmt::format(
        "model output \"{}\" holds no SSD rows [image, class, score, left, top, right, bottom]: {} in place "
        "of an image's number",
        output.spec.name, image));
  }
  return std::lround(image) == std::lround(first);
}

/// The outputs of boxes, labels and scores as numbers.
struct Columns {
  std::vector<float> boxes;
  std::vector<float> labels;
  std::vector<float> scores;
  std::size_t rows = 0;
};

absl::Status Differs(const OutputDescription& output, std::size_t numbers, const OutputDescription& boxes,
                     std::size_t rows) {
  return absl::FailedPreconditionError(fmt::format("model output \"{}\" holds {} numbers for {} rows of \"{}\"",
                                                   output.spec.name, numbers, rows, boxes.spec.name));
}

absl::StatusOr<Columns> ReadColumns(const TaskModel& model, const BoxOutputs& found, std::span<const Tensor> outputs) {
  const auto numbers = [&](std::size_t index) { return NumbersOf(model.outputs[index], outputs[index]); };
  Columns columns;
  columns.boxes = numbers(found.boxes);
  columns.rows = columns.boxes.size() / found.columns;
  if (found.labels) {
    columns.labels = numbers(*found.labels);
  } else {
    columns.labels.resize(columns.rows);
  }
  if (found.scores) {
    columns.scores = numbers(*found.scores);
  } else {
    for (std::size_t i = 0; i < columns.rows; ++i) {
      columns.scores.push_back(columns.boxes[(i + 1) * found.columns - 1]);
    }
  }
  if (columns.labels.size() != columns.rows) {
    return Differs(model.outputs[*found.labels], columns.labels.size(), model.outputs[found.boxes], columns.rows);
  }
  if (columns.scores.size() != columns.rows) {
    return Differs(model.outputs[*found.scores], columns.scores.size(), model.outputs[found.boxes], columns.rows);
  }
  if (found.count) {
    const std::vector<float> count = numbers(*found.count);
    if (count.size() != 1 || !(count[0] >= 0.0F)) {
      return absl::InternalError(
          fmt::format("model output \"{}\" holds no number of boxes", model.outputs[*found.count].spec.name));
    }
    columns.rows = std::min(columns.rows, static_cast<std::size_t>(std::min(count[0], 1e6F)));
  }
  return columns;
}

}  // namespace

absl::StatusOr<std::vector<Box>> BoxesOfRows(const TaskModel& model, std::size_t index, const Tensor& tensor,
                                             const RowFormat& format, const ImageSize& image, float min_score) {
  const OutputDescription& output = model.outputs[index];
  const std::vector<float> values = NumbersOf(output, tensor);
  const float score_scale = model.card.output_scale.value_or(1.0F);
  BoxChecker checker(model, output, format.original_pixels ? CornerUnit::kOriginalPixels : CornerUnit::kNormalized,
                     image, min_score);
  for (std::size_t i = 0; i + format.columns <= values.size(); i += format.columns) {
    const std::span<const float> row = std::span(values).subspan(i, format.columns);
    if (format.image) {
      ACCELERD_ASSIGN_OR_RETURN(const std::optional<bool> belongs,
                                BelongsToFirst(output, row[*format.image], values[*format.image]));
      if (!belongs) {
        break;
      }
      if (!*belongs) {
        continue;
      }
    }
    const std::size_t left = format.left;
    ACCELERD_RETURN_IF_ERROR(checker.Add({.label = row[format.label],
                                          .score = row[format.score] * score_scale,
                                          .corners = {row[left], row[left + 1], row[left + 2], row[left + 3]}}));
  }
  return checker.Finish();
}

absl::StatusOr<std::vector<Box>> BoxesOfOutputs(const TaskModel& model, const BoxOutputs& found,
                                                std::span<const Tensor> outputs, const ImageSize& image,
                                                float min_score) {
  ACCELERD_ASSIGN_OR_RETURN(const Columns columns, ReadColumns(model, found, outputs));
  const float score_scale = model.card.output_scale.value_or(1.0F);
  BoxChecker checker(model, model.outputs[found.boxes],
                     model.input.knows_original_size ? CornerUnit::kOriginalPixels : CornerUnit::kByValues, image,
                     min_score);
  for (std::size_t i = 0; i < columns.rows; ++i) {
    const std::span<const float> box = std::span(columns.boxes).subspan(i * found.columns, found.columns);
    const std::array<float, 4> corners = found.vertical_first ? std::array<float, 4>{box[1], box[0], box[3], box[2]}
                                                              : std::array<float, 4>{box[0], box[1], box[2], box[3]};
    ACCELERD_RETURN_IF_ERROR(
        checker.Add({.label = columns.labels[i], .score = columns.scores[i] * score_scale, .corners = corners}));
  }
  return checker.Finish();
}

}  // namespace accelerd
