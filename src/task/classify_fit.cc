#include <algorithm>
#include <string>

#include "fmt/core.h"
#include "task/box_outputs.h"
#include "task/fit.h"
#include "task/shapes.h"

namespace accelerd {
namespace {

constexpr std::string_view kNeed = "classify needs one score a class";

/// From so many on, one number each is likelier of a detector's anchors than of classes, if another output has as many
/// rows.
constexpr std::size_t kFewestAnchors = 16;

/// The output of rows for as many anchors as `output` has numbers; null when there is none.
const OutputDescription* OutputOfAnchors(const TaskModel& model, std::size_t index, std::size_t count) {
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    const Shape& shape = model.outputs[i].spec.shape;
    if (i == index || shape.size() != 3 || count < kFewestAnchors) {
      continue;
    }
    const auto anchors = static_cast<std::int64_t>(count);
    if ((shape[1] == anchors && shape[2] > 1) || (shape[2] == anchors && shape[1] > 1)) {
      return &model.outputs[i];
    }
  }
  return nullptr;
}

/// Why the output is not the scores of one image's classes, though it has the shape.
std::string OtherMeaning(const TaskModel& model, std::size_t index, const Shape& shape) {
  const OutputDescription& output = model.outputs[index];
  if (const std::string stated = StatedOtherwise(model, Task::kClassify); !stated.empty()) {
    return stated;
  }
  if (FindBoxOutputs(model)) {
    return fmt::format("{}; the model answers boxes with their labels", kNeed);
  }
  if (IsSsdRows(shape) && !output.facts.probabilities) {
    return fmt::format(
        "{}; these may be the scores of 7 classes or SSD rows: set task = \"classify\" or task = \"detect\" in the "
        "TOML "
        "beside the model",
        kNeed);
  }
  if (const OutputDescription* rows = OutputOfAnchors(model, index, ItemElements(shape))) {
    return fmt::format("{}; these are numbers of a detector's anchors, like the rows of its output \"{}\"", kNeed,
                       rows->spec.name);
  }
  constexpr std::int64_t kFewestColumns = 4;
  constexpr std::int64_t kMostColumns = 7;
  const bool rows_vary = output.spec.shape.size() == 2 && output.spec.shape[0] < 0 && model.input.batch_is_fixed;
  if (rows_vary && shape[1] >= kFewestColumns && shape[1] <= kMostColumns) {
    return fmt::format(
        "{}; these may be the boxes of a varying number of objects: set task = \"classify\" in the TOML beside the "
        "model if they are scores",
        kNeed);
  }
  return "";
}

/// Whether the integers are no scores: classes that the graph chose, or numbers of a type that quantised scores do not
/// have.
bool HoldsClassNumbers(const TaskModel& model, const OutputDescription& output, std::size_t count) {
  if (output.facts.class_ids) {
    return true;
  }
  const ElementType type = output.spec.element_type;
  if (!IsInteger(type) || output.is_scaled() || model.card.output_scale || model.card.softmax == true) {
    return count == 1 && IsInteger(type) && !output.is_scaled() && !model.card.output_scale;
  }
  return count == 1 || (type != ElementType::kU8 && type != ElementType::kI8);
}

std::size_t Count(const Shape& shape) {
  return shape.size() == 1 ? static_cast<std::size_t>(shape[0]) : ItemElements(shape);
}

}  // namespace

bool NeedsSoftmax(const TaskModel& model, const OutputDescription& output) {
  return model.card.softmax.value_or(!output.facts.probabilities);
}

std::string ClassifyMisfit(const TaskModel& model, std::size_t index, const Shape& shape) {
  const OutputDescription& output = model.outputs[index];
  if (!IsClassScores(shape)) {
    return fmt::format("{}, such as [1,1000]", kNeed);
  }
  if (output.facts.ssd_rows) {
    return fmt::format("{}; these are SSD rows of detected objects", kNeed);
  }
  if (shape.size() > 1 && shape[0] != 1 && model.input.batch != 0 && shape[0] != model.input.batch) {
    return fmt::format("{}; these are {} rows for {} image{}", kNeed, shape[0], model.input.batch,
                       model.input.batch == 1 ? "" : "s");
  }
  if (!model.told(Task::kClassify)) {
    if (std::string other = OtherMeaning(model, index, shape); !other.empty()) {
      return other;
    }
  }
  if (HoldsClassNumbers(model, output, Count(shape))) {
    return fmt::format("{}; these are numbers of classes, not scores", kNeed);
  }
  if (Count(shape) == 1 && NeedsSoftmax(model, output)) {
    return "a softmax over one score says nothing; if it is a probability, set softmax = false in the TOML beside the "
           "model";
  }
  return "";
}

}  // namespace accelerd
