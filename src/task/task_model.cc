#include "task/task_model.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

/// Which of the original calls is right for a task in the words of ModelMetadata. Words that are not here decide
/// nothing.
struct StatedTask {
  std::string_view word;
  Task call;
};

constexpr std::array<StatedTask, 7> kStatedTasks = {{{"classify", Task::kClassify},
                                                     {"detect", Task::kDetect},
                                                     {"oriented", Task::kDetect},
                                                     {"pose", Task::kDetect},
                                                     {"instances", Task::kDetect},
                                                     {"segment", Task::kSegment},
                                                     {"matte", Task::kSegment}}};

void AddBatch(OutputDescription& output) {
  output.spec.shape.insert(output.spec.shape.begin(), 1);
  if (!output.spec.layout.empty()) {
    output.spec.layout.insert(output.spec.layout.begin(), 'N');
  }
  if (output.facts.class_axis >= 0) {
    ++output.facts.class_axis;
  }
}

}  // namespace

bool OutputDescription::is_scaled() const {
  return facts.quantized || facts.probabilities || facts.scale != 1.0F || facts.zero_point != 0.0F;
}

std::shared_ptr<const TaskModel> MakeTaskModel(const ModelInfo& info, const ModelCard& card,
                                               const InputDescription& input) {
  auto model = std::make_shared<TaskModel>();
  for (std::size_t i = 0; i < info.signature.outputs.size(); ++i) {
    OutputDescription output{info.signature.outputs[i], i < info.outputs.size() ? info.outputs[i] : OutputFacts()};
    if (!input.has_batch) {
      AddBatch(output);
    }
    model->outputs.push_back(std::move(output));
  }
  model->card = card;
  model->input = input;
  if (info.metadata.task) {
    model->stated_task = info.metadata.task->value;
  }
  return model;
}

absl::StatusOr<std::size_t> SelectOutput(const TaskModel& model, std::string_view name) {
  if (model.outputs.empty()) {
    return absl::FailedPreconditionError("the model has no outputs");
  }
  if (name.empty()) {
    return 0;
  }
  std::string names;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    if (model.outputs[i].spec.name == name) {
      return i;
    }
    names += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", model.outputs[i].spec.name);
  }
  return absl::InvalidArgumentError(fmt::format("the model has no output \"{}\"; it has {}", name, names));
}

Tensor WithBatch(const TaskModel& model, const Tensor& tensor) {
  if (model.input.has_batch || tensor.empty()) {
    return tensor;
  }
  Shape shape = tensor.shape();
  shape.insert(shape.begin(), 1);
  return {tensor.element_type(), std::move(shape), tensor.buffer()};
}

bool IsKnown(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size >= 0; });
}

std::string StatedOtherwise(const TaskModel& model, Task task) {
  const auto* stated = std::ranges::find(kStatedTasks, model.stated_task, &StatedTask::word);
  if (stated == kStatedTasks.end() || stated->call == task || model.told(task)) {
    return "";
  }
  return fmt::format(
      "the model's own metadata says that it is for \"{}\"; if that is wrong, set task = \"{}\" in the TOML beside the "
      "model",
      model.stated_task, TaskName(task));
}

absl::Status OutputRefused(const OutputDescription& output, const Shape& shape, std::string_view reason) {
  return absl::FailedPreconditionError(fmt::format("model output \"{}\" has shape {} and type {}: {}", output.spec.name,
                                                   ShapeToString(shape), ElementName(output.spec.element_type),
                                                   reason));
}

std::string LabelOf(const std::vector<std::string>& labels, std::size_t index) {
  if (index < labels.size()) {
    return labels[index];
  }
  return labels.empty() ? std::string() : std::to_string(index);
}

}  // namespace accelerd
