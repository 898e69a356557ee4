#include "task/segment_form.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "fmt/core.h"
#include "task/box_outputs.h"
#include "task/fit.h"
#include "task/shapes.h"

namespace accelerd {
namespace {

constexpr std::string_view kNeed = "segment needs class scores [1,C,H,W] or [1,H,W,C], or a map of classes [1,H,W]";
constexpr std::string_view kDecide =
    "set task = \"segment\" in the TOML beside the model if these are the classes of its pixels";
constexpr int kPlanar = 1;
constexpr int kPacked = 3;

SegmentPlan Misfit(std::string reason) {
  SegmentPlan plan;
  plan.misfit = std::move(reason);
  return plan;
}

/// Whether an output of these rows and columns shows the picture of the input: exactly in its proportions, or within
/// the rounding of each side to whole numbers. True when the input's size is unknown.
bool HasProportions(const TaskModel& model, std::int64_t rows, std::int64_t cols, bool rounded) {
  if (model.input.rows == 0 || model.input.cols == 0) {
    return true;
  }
  if (!rounded) {
    return rows * model.input.cols == cols * model.input.rows;
  }
  const double expected = static_cast<double>(rows) * model.input.cols / model.input.rows;
  const double rounding = 1.0 + std::max(1.0, static_cast<double>(model.input.cols) / model.input.rows);
  return std::abs(static_cast<double>(cols) - expected) <= rounding;
}

/// The dimension of the classes that the shape shows: that of the two which leaves the picture of the input.
std::optional<int> AxisByShape(const TaskModel& model, const Shape& shape) {
  if (model.input.rows == 0) {
    return std::nullopt;
  }
  for (const bool rounded : {false, true}) {
    const bool planar = shape[1] > 1 && HasProportions(model, shape[2], shape[3], rounded);
    const bool packed = shape[3] > 1 && HasProportions(model, shape[1], shape[2], rounded);
    if (planar != packed) {
      return planar ? kPlanar : kPacked;
    }
  }
  return std::nullopt;
}

/// The dimension of the classes; nullopt when it cannot be told.
std::optional<int> ClassAxis(const TaskModel& model, const OutputDescription& output, const Shape& shape) {
  if (!model.card.output_layout.empty()) {
    return model.card.output_layout == "NHWC" ? kPacked : kPlanar;
  }
  for (const int axis : {static_cast<int>(output.spec.layout.find('C')), output.facts.class_axis}) {
    if (axis == kPlanar || axis == kPacked) {
      return axis;
    }
  }
  if (const std::optional<int> axis = AxisByShape(model, shape)) {
    return axis;
  }
  // The owner said how the image goes in: the scores come out alike, unless the last dimension is too large for it.
  if (!model.card.layout.empty()) {
    const bool packed = model.card.layout.back() == 'C' && shape[3] < shape[1] && shape[3] < shape[2];
    return packed ? kPacked : kPlanar;
  }
  return std::nullopt;
}

/// Whether another output belongs to a detector: heads of several strides, sizes or offsets beside a map of centres,
/// rows for each anchor, boxes.
const OutputDescription* DetectorSibling(const TaskModel& model, std::size_t index, const Shape& shape, int axis) {
  constexpr std::int64_t kFewestAnchors = 100;
  constexpr std::int64_t kFewestColumns = 5;
  const int row = axis == kPlanar ? 2 : 1;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    const Shape& other = model.outputs[i].spec.shape;
    if (i == index || IsInteger(model.outputs[i].spec.element_type)) {
      continue;
    }
    if (other.size() == 3 && std::min(other[1], other[2]) >= kFewestColumns &&
        std::max(other[1], other[2]) >= kFewestAnchors) {
      return &model.outputs[i];
    }
    if (other.size() == 4 && other[row] > 1 && IsKnown(other) &&
        (other[row] == shape[row]) != (other[axis] == shape[axis])) {
      return &model.outputs[i];
    }
  }
  return nullptr;
}

/// Why scores along `axis` may not be those of pixels' classes, though they have the shape.
std::string DoubtAboutScores(const TaskModel& model, std::size_t index, const Shape& shape, int axis) {
  const OutputDescription& output = model.outputs[index];
  const std::int64_t classes = shape[axis];
  const std::int64_t rows = shape[axis == kPlanar ? 2 : 1];
  const std::int64_t cols = shape[axis == kPlanar ? 3 : 2];
  if (output.facts.mixed && output.facts.class_axis == axis) {
    return fmt::format("its {} channels are put together from parts, as in the grid of a detector", classes);
  }
  if (classes > std::max(rows, cols) && !output.facts.probabilities) {
    return fmt::format("it has more channels ({}) than rows and columns ({} and {}), as the grid of a detector",
                       classes, rows, cols);
  }
  if (!HasProportions(model, rows, cols, /*rounded=*/true)) {
    return fmt::format("its {} rows and {} columns do not have the proportions of the image input", rows, cols);
  }
  constexpr std::int64_t kColours = 3;
  if (classes == kColours && model.input.rows != 0 && rows > model.input.rows) {
    return "it may be a picture that is larger than the input";
  }
  if (const OutputDescription* sibling = DetectorSibling(model, index, shape, axis)) {
    return fmt::format("the model may be a detector: its output \"{}\" has shape {}", sibling->spec.name,
                       ShapeToString(sibling->spec.shape));
  }
  return "";
}

SegmentPlan PlanScores(const TaskModel& model, std::size_t index, const Shape& shape) {
  const OutputDescription& output = model.outputs[index];
  const std::optional<int> axis = ClassAxis(model, output, shape);
  if (!axis) {
    return Misfit(
        "it cannot be told whether the classes are the second dimension or the last one; set output_layout = \"NCHW\" "
        "or output_layout = \"NHWC\" in the TOML beside the model");
  }
  if (shape[*axis] < 2) {
    return Misfit(fmt::format("{}; dimension {} of the classes has size {}", kNeed, *axis, shape[*axis]));
  }
  if (!model.told(Task::kSegment)) {
    if (const std::string doubt = DoubtAboutScores(model, index, shape, *axis); !doubt.empty()) {
      return Misfit(fmt::format("{}; {}: {}", kNeed, doubt, kDecide));
    }
  }
  const bool planar = *axis == kPlanar;
  return {.form = planar ? SegmentForm::kPlanarScores : SegmentForm::kPackedScores,
          .rows = static_cast<std::size_t>(shape[planar ? 2 : 1]),
          .cols = static_cast<std::size_t>(shape[planar ? 3 : 2]),
          .classes = static_cast<std::size_t>(shape[*axis]),
          .misfit = {}};
}

/// One number for each pixel of [1,H,W], [1,1,H,W] or [1,H,W,1].
SegmentPlan PlanSingle(const TaskModel& model, std::size_t index, const Shape& shape) {
  const OutputDescription& output = model.outputs[index];
  const bool packed = shape.size() == 4 && shape[3] == 1 && ClassAxis(model, output, shape) == kPacked;
  const bool planar = shape.size() == 4 && shape[1] == 1 && !packed;
  SegmentPlan plan;
  plan.rows = static_cast<std::size_t>(shape[planar ? 2 : 1]);
  plan.cols = static_cast<std::size_t>(shape[planar ? 3 : 2]);
  const bool told = model.told(Task::kSegment);
  if (!told && !HasProportions(model, shape[planar ? 2 : 1], shape[planar ? 3 : 2], /*rounded=*/true)) {
    return Misfit(IsClassScores(shape)
                      ? std::string(kNeed)
                      : fmt::format("{}; its {} rows and {} columns do not have the proportions of the image input: {}",
                                    kNeed, plan.rows, plan.cols, kDecide));
  }
  const bool integer = IsInteger(output.spec.element_type);
  if (output.facts.class_ids || (integer && !output.is_scaled() && !model.card.sigmoid)) {
    plan.form = SegmentForm::kMap;
    return plan;
  }
  plan.form = SegmentForm::kMask;
  if (!model.card.sigmoid && !output.facts.probabilities && model.card.softmax != false) {
    return Misfit(
        "it cannot be told what its one number for each pixel is; if it is a mask, set sigmoid = true in the TOML "
        "beside the model where a sigmoid makes probabilities of the numbers, or sigmoid = false where they are "
        "probabilities");
  }
  plan.sigmoid = model.card.sigmoid.value_or(false);
  return plan;
}

}  // namespace

SegmentPlan PlanSegment(const TaskModel& model, std::size_t index, const Shape& shape) {
  if (const std::string stated = StatedOtherwise(model, Task::kSegment); !stated.empty()) {
    return Misfit(stated);
  }
  const bool image = shape.size() == 3 || shape.size() == 4;
  if (!image || std::ranges::count(shape, 0) != 0 || IsSsdRows(shape) || model.outputs[index].facts.ssd_rows) {
    return Misfit(std::string(kNeed));
  }
  if (!model.told(Task::kSegment) && FindBoxOutputs(model)) {
    return Misfit(fmt::format("{}; the model answers boxes with their labels", kNeed));
  }
  if (shape.size() == 3 || shape[1] == 1 || shape[3] == 1) {
    return PlanSingle(model, index, shape);
  }
  return PlanScores(model, index, shape);
}

std::string SegmentMisfit(const TaskModel& model, std::size_t index, const Shape& shape) {
  return PlanSegment(model, index, shape).misfit;
}

}  // namespace accelerd
