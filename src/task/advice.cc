#include <algorithm>
#include <string>

#include "fmt/core.h"
#include "task/box_outputs.h"
#include "task/fit.h"
#include "task/shapes.h"

namespace accelerd {
namespace {

/// Whether the number of labels is that of the output's classes, which are its last or its second dimension.
bool LabelsName(const TaskModel& model, std::int64_t classes) {
  return !model.card.labels.empty() && static_cast<std::int64_t>(model.card.labels.size()) == classes;
}

bool MayBeClassifier(const TaskModel& model, std::size_t index, const Shape& shape) {
  return ClassifyMisfit(model, index, shape).empty() && ClassCount(shape) > 1;
}

/// Whether the owner said so. What the graph says is not enough: a softmax or sigmoid may also make landmarks.
bool IsSurelyClassifier(const TaskModel& model, std::size_t index, const Shape& shape) {
  return MayBeClassifier(model, index, shape) &&
         (model.told(Task::kClassify) || LabelsName(model, static_cast<std::int64_t>(ClassCount(shape))));
}

bool IsSurelyDetector(const TaskModel& model, std::size_t index, const Shape& shape) {
  return model.outputs[index].facts.ssd_rows || (IsSsdRows(shape) && shape.size() == 4 && shape[2] > 1) ||
         FindBoxOutputs(model).has_value();
}

bool IsSurelySegmenter(const TaskModel& model, std::size_t index, const Shape& shape) {
  const OutputFacts& facts = model.outputs[index].facts;
  return SegmentMisfit(model, index, shape).empty() &&
         (facts.class_ids || (facts.probabilities && facts.class_axis >= 0) || model.told(Task::kSegment) ||
          (shape.size() == 4 && (LabelsName(model, shape[1]) || LabelsName(model, shape[3]))));
}

/// Other outputs that can be classified, to be asked for by name.
std::string OtherScores(const TaskModel& model, std::size_t index) {
  std::string others;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    const Shape& shape = model.outputs[i].spec.shape;
    if (i != index && IsKnown(shape) && ClassifyMisfit(model, i, shape).empty()) {
      others += fmt::format("{}?output={} ({})", others.empty() ? "" : " or ", model.outputs[i].spec.name,
                            ShapeToString(shape));
    }
  }
  return others;
}

}  // namespace

std::string Advice(const TaskModel& model, Task asked, std::size_t index, const Shape& shape) {
  if (asked != Task::kDetect && IsSurelyDetector(model, index, shape)) {
    return "; this looks like a detector, use detect";
  }
  if (asked != Task::kClassify && IsSurelyClassifier(model, index, shape)) {
    return "; this looks like a classifier, use classify";
  }
  if (asked != Task::kSegment && IsSurelySegmenter(model, index, shape)) {
    return "; this looks like a segmenter, use segment";
  }
  if (asked == Task::kClassify) {
    if (const std::string others = OtherScores(model, index); !others.empty()) {
      return fmt::format("; ask for scores by {}", others);
    }
  }
  if (asked != Task::kClassify && MayBeClassifier(model, index, shape)) {
    return "; if these are the scores of classes, use classify; inference answers the output as it is";
  }
  return "; inference answers the output as it is";
}

}  // namespace accelerd
