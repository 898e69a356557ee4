#include "task/box_outputs.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "task/shapes.h"

namespace accelerd {
namespace {

using Indices = std::vector<std::size_t>;

/// An output's name in lower case, without the number of the output.
std::string PlainName(const OutputDescription& output) {
  std::string name = output.spec.name.substr(0, output.spec.name.find(':'));
  absl::AsciiStrToLower(&name);
  return name;
}

bool IsCalled(const OutputDescription& output, std::initializer_list<std::string_view> words) {
  const std::string name = PlainName(output);
  return std::ranges::any_of(words, [&name](std::string_view word) { return name.find(word) != std::string::npos; });
}

bool IsCalledLabels(const OutputDescription& output) {
  return IsCalled(output, {"label", "class"}) && !IsCalled(output, {"score"});
}

bool IsCalledScores(const OutputDescription& output) {
  return IsCalled(output, {"score", "prob", "conf"});
}

/// Columns of rows [N,columns] or [1,N,columns] of floating-point numbers; 0 for other outputs.
std::size_t BoxColumns(const OutputDescription& output) {
  const Shape& shape = output.spec.shape;
  const bool rows = shape.size() == 2 || (shape.size() == 3 && (shape[0] == 1 || shape[0] == -1));
  if (!rows || IsInteger(output.spec.element_type) || (shape.back() != 4 && shape.back() != 5)) {
    return 0;
  }
  return static_cast<std::size_t>(shape.back());
}

bool MayEqual(std::int64_t a, std::int64_t b) {
  return a == b || a == -1 || b == -1;
}

/// Whether the output is one number for each of `rows` boxes: [N], [1,N], [N,1] or [1,N,1].
bool IsColumn(const OutputDescription& output, std::int64_t rows) {
  const Shape& shape = output.spec.shape;
  switch (shape.size()) {
    case 1:
      return MayEqual(shape[0], rows);
    case 2:
      return (MayEqual(shape[0], 1) && MayEqual(shape[1], rows)) || (shape[1] == 1 && MayEqual(shape[0], rows));
    case 3:
      return MayEqual(shape[0], 1) && MayEqual(shape[1], rows) && shape[2] == 1;
    default:
      return false;
  }
}

/// Whether the output is one number in all.
bool IsCount(const OutputDescription& output) {
  const Shape& shape = output.spec.shape;
  return shape.size() <= 2 && IsCalled(output, {"num"}) &&
         std::ranges::all_of(shape, [](std::int64_t size) { return MayEqual(size, 1); });
}

/// The only one of several; nullopt when there is none or more than one.
std::optional<std::size_t> Only(const Indices& indices) {
  return indices.size() == 1 ? std::optional(indices.front()) : std::nullopt;
}

template <typename Predicate>
Indices Where(const TaskModel& model, Predicate predicate) {
  Indices found;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    if (predicate(i)) {
      found.push_back(i);
    }
  }
  return found;
}

/// The outputs of TensorFlow's object detection, which has others too.
std::optional<BoxOutputs> FindTensorflowOutputs(const TaskModel& model) {
  const auto named = [&model](std::string_view name) {
    return Only(Where(model, [&](std::size_t i) { return PlainName(model.outputs[i]) == name; }));
  };
  const auto boxes = named("detection_boxes");
  const auto labels = named("detection_classes");
  const auto scores = named("detection_scores");
  if (!boxes || !labels || !scores || BoxColumns(model.outputs[*boxes]) != 4) {
    return std::nullopt;
  }
  return BoxOutputs{.boxes = *boxes,
                    .columns = 4,
                    .labels = labels,
                    .scores = scores,
                    .count = named("num_detections"),
                    .vertical_first = true};
}

std::optional<std::size_t> FindBoxes(const TaskModel& model) {
  Indices candidates = Where(model, [&](std::size_t i) {
    const OutputDescription& output = model.outputs[i];
    return BoxColumns(output) != 0 && !IsCalledLabels(output) && !IsCalledScores(output);
  });
  if (candidates.size() > 1) {
    std::erase_if(candidates, [&](std::size_t i) { return !IsCalled(model.outputs[i], {"box", "dets"}); });
  }
  return Only(candidates);
}

}  // namespace

std::optional<BoxOutputs> FindBoxOutputs(const TaskModel& model) {
  if (const std::optional<BoxOutputs> tensorflow = FindTensorflowOutputs(model)) {
    return tensorflow;
  }
  const std::optional<std::size_t> boxes = FindBoxes(model);
  if (!boxes) {
    return std::nullopt;
  }
  BoxOutputs found{.boxes = *boxes, .columns = BoxColumns(model.outputs[*boxes])};
  const Shape& shape = model.outputs[*boxes].spec.shape;
  const std::int64_t rows = shape[shape.size() - 2];
  found.count = Only(Where(model, [&](std::size_t i) { return i != *boxes && IsCount(model.outputs[i]); }));
  const auto is_column = [&](std::size_t i) {
    return i != *boxes && i != found.count && IsColumn(model.outputs[i], rows);
  };
  found.labels = Only(Where(model, [&](std::size_t i) {
    const OutputDescription& output = model.outputs[i];
    return is_column(i) && (IsInteger(output.spec.element_type) || IsCalledLabels(output));
  }));
  found.scores = Only(Where(model, [&](std::size_t i) {
    const OutputDescription& output = model.outputs[i];
    return is_column(i) && !IsInteger(output.spec.element_type) && !IsCalledLabels(output);
  }));
  if (model.card.decoder == BoxDecoder::kBoxes) {
    // NAME.toml says what the outputs are; labels may be missing, and scores where the boxes have them.
    return found.columns == 5 || found.scores ? std::optional(found) : std::nullopt;
  }
  const bool right_scores = found.columns == 5 ? !found.scores : found.scores.has_value();
  return found.labels && right_scores ? std::optional(found) : std::nullopt;
}

}  // namespace accelerd
