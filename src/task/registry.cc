#include <array>
#include <utility>

#include "fmt/core.h"
#include "task/task_model.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

struct Row {
  Task task;
  std::unique_ptr<Postprocessor> (*make)(std::shared_ptr<const TaskModel> model);
};

constexpr std::array<Row, 4> kTasks = {{{Task::kInference, MakeInference},
                                        {Task::kClassify, MakeClassify},
                                        {Task::kDetect, MakeDetect},
                                        {Task::kSegment, MakeSegment}}};

/// Refuses whatever is asked.
class Refusal : public Postprocessor {
 public:
  explicit Refusal(absl::Status reason) : reason_(std::move(reason)) {}

  absl::Status Check(const TaskOptions& /*options*/) const override { return reason_; }
  absl::StatusOr<TaskResult> Run(std::span<const Tensor> /*outputs*/, const ImageSize& /*image*/,
                                 const TaskOptions& /*options*/) const override {
    return reason_;
  }

 private:
  absl::Status reason_;
};

}  // namespace

std::unique_ptr<Postprocessor> CreatePostprocessor(Task task, const ModelInfo& info, const ModelCard& card,
                                                   const InputDescription& input) {
  if (card.task && *card.task != task && task != Task::kInference) {
    return std::make_unique<Refusal>(absl::FailedPreconditionError(fmt::format(
        "the TOML beside the model says task = \"{}\", so it cannot {}", TaskName(*card.task), TaskName(task))));
  }
  for (const Row& row : kTasks) {
    if (row.task == task) {
      return row.make(MakeTaskModel(info, card, input));
    }
  }
  return std::make_unique<Refusal>(absl::InternalError("the task is not in the list of postprocessors"));
}

}  // namespace accelerd
