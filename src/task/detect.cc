#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "fmt/core.h"
#include "task/box_outputs.h"
#include "task/box_rows.h"
#include "task/fit.h"
#include "task/shapes.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

/// Rows of one output.
struct Rows {
  std::size_t output = 0;
  RowFormat format;
};

/// How the boxes of a model are read. Unknown: the model leaves sizes open that decide.
struct Unknown {};
using Plan = std::variant<Unknown, Rows, BoxOutputs>;

constexpr std::string_view kNeed = "detect needs SSD rows [1,1,N,7], or boxes [N,4] with labels [N] and scores [N]";

/// What is done about outputs that may belong to a detector that is not decoded.
std::string MaybeDetector(const TaskModel& model, std::size_t index, const Shape& shape) {
  constexpr std::int64_t kFewestNumbers = 5;
  constexpr std::string_view kClient = "is not decoded: take it from inference and decode it in the client";
  if (model.outputs[index].facts.probabilities || shape.size() < 2 || shape.size() > 4) {
    return "";
  }
  const std::int64_t last = shape.back();
  if (last == 6 && shape.size() < 4) {
    return fmt::format(
        "; rows of 6 numbers are left, top, right, bottom, score, class in some models (YOLO with its non-maximum "
        "suppression) and class, score, left, top, right, bottom in others: the output {}",
        kClient);
  }
  const bool rows = shape.size() == 3 && shape[1] >= kFewestNumbers && last >= kFewestNumbers;
  const bool grid = shape.size() == 4 && shape[1] >= kFewestNumbers && shape[2] > 1;
  return rows || grid ? fmt::format("; the output of a YOLO, or of another detector without its decoding, {}", kClient)
                      : "";
}

/// Why rows of the shape of SSD rows are not taken for them; empty: they are.
std::string DoubtAboutRows(const TaskModel& model, const OutputDescription& output, const Shape& shape) {
  if (output.facts.ssd_rows || model.card.decoder == BoxDecoder::kSsd || model.told(Task::kDetect)) {
    return "";
  }
  if (output.facts.probabilities) {
    return "; these are probabilities";
  }
  if (shape.size() < 4) {
    return "; rows of 7 numbers may be SSD rows [image, class, score, left, top, right, bottom], or those of a YOLO or "
           "of turned boxes, which are not decoded: set decoder = \"ssd\" in the TOML beside the model if they are "
           "SSD rows";
  }
  return "";
}

/// The only other output whose shape or graph says that it holds SSD rows.
std::optional<std::size_t> OtherSsdRows(const TaskModel& model, std::size_t index) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    const OutputDescription& output = model.outputs[i];
    const bool rows = output.facts.ssd_rows || (output.spec.shape.size() == 4 && IsSsdRows(output.spec.shape));
    if (i != index && rows) {
      if (found) {
        return std::nullopt;
      }
      found = i;
    }
  }
  return found;
}

/// Whether sizes that the model leaves open may make SSD rows of the shape.
bool MayBecomeSsdRows(const Shape& shape) {
  return shape.size() >= 2 && shape.size() <= 4 && (shape.back() == 7 || shape.back() == -1);
}

std::string Unsuitable(const TaskModel& model, std::size_t index, const Shape& shape, std::string_view doubt) {
  return fmt::format("{}{}{}{}", kNeed, doubt, doubt.empty() ? MaybeDetector(model, index, shape) : "",
                     Advice(model, Task::kDetect, index, shape));
}

/// How the boxes of the output `index`, which has this shape, are read. `named`: the caller named the output.
absl::StatusOr<Plan> PlanOf(const TaskModel& model, std::size_t index, const Shape& shape, bool named) {
  const OutputDescription& output = model.outputs[index];
  if (const std::string stated = StatedOtherwise(model, Task::kDetect); !stated.empty()) {
    return OutputRefused(output, shape, stated);
  }
  const std::optional<BoxOutputs> boxes = FindBoxOutputs(model);
  if (boxes && (!named || index == boxes->boxes) && model.card.decoder != BoxDecoder::kSsd) {
    return Plan(*boxes);
  }
  if (model.card.decoder == BoxDecoder::kBoxes) {
    return OutputRefused(
        output, shape,
        "the TOML beside the model says decoder = \"boxes\", but no outputs are boxes [N,4] with scores "
        "[N], or boxes [N,5]");
  }
  if (model.input.is_paddle_detection && shape.size() == 2 && shape.back() == 6) {
    return Plan(Rows{.output = index, .format = kPaddleRows});
  }
  if (!IsKnown(shape) && MayBecomeSsdRows(shape)) {
    return Plan(Unknown());
  }
  std::string doubt;
  if (IsSsdRows(shape)) {
    doubt = DoubtAboutRows(model, output, shape);
    if (doubt.empty()) {
      return Plan(Rows{.output = index, .format = kSsdRows});
    }
  }
  if (const std::optional<std::size_t> other = OtherSsdRows(model, index); other && !named) {
    return Plan(Rows{.output = *other, .format = kSsdRows});
  }
  return OutputRefused(output, shape, Unsuitable(model, index, shape, doubt));
}

/// Keeps the best box of each class, the first one of equals, in their order.
void KeepBestOfClass(std::vector<Box>* boxes) {
  std::unordered_map<int, std::size_t> kept;
  std::vector<Box> best;
  for (Box& box : *boxes) {
    const auto [place, is_new] = kept.try_emplace(box.index, best.size());
    if (is_new) {
      best.push_back(std::move(box));
    } else if (box.score > best[place->second].score) {
      best[place->second] = std::move(box);
    }
  }
  *boxes = std::move(best);
}

class Detect : public Postprocessor {
 public:
  explicit Detect(std::shared_ptr<const TaskModel> model) : model_(std::move(model)) {}

  absl::Status Check(const TaskOptions& options) const override {
    ACCELERD_ASSIGN_OR_RETURN(const std::size_t index, SelectOutput(*model_, options.output));
    return PlanOf(*model_, index, model_->outputs[index].spec.shape, !options.output.empty()).status();
  }

  absl::StatusOr<TaskResult> Run(std::span<const Tensor> outputs, const ImageSize& image,
                                 const TaskOptions& options) const override {
    ACCELERD_ASSIGN_OR_RETURN(const std::size_t index, SelectOutput(*model_, options.output));
    for (std::size_t i = 0; i < model_->outputs.size(); ++i) {
      if (i >= outputs.size() || outputs[i].empty()) {
        return absl::InternalError(fmt::format("the model left its output \"{}\" empty", model_->outputs[i].spec.name));
      }
    }
    try {
      Boxes result{image.rows, image.cols, {}};
      ACCELERD_ASSIGN_OR_RETURN(result.boxes, Read(outputs, index, image, options));
      if (options.best_of_class) {
        KeepBestOfClass(&result.boxes);
      }
      std::stable_sort(result.boxes.begin(), result.boxes.end(),
                       [](const Box& a, const Box& b) { return a.score > b.score; });
      return result;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("no memory for the result");
    }
  }

 private:
  absl::StatusOr<std::vector<Box>> Read(std::span<const Tensor> outputs, std::size_t index, const ImageSize& image,
                                        const TaskOptions& options) const {
    const Shape shape = WithBatch(*model_, outputs[index]).shape();
    ACCELERD_ASSIGN_OR_RETURN(const Plan plan, PlanOf(*model_, index, shape, !options.output.empty()));
    if (const auto* boxes = std::get_if<BoxOutputs>(&plan)) {
      return BoxesOfOutputs(*model_, *boxes, outputs, image, options.min_score);
    }
    const auto& rows = std::get<Rows>(plan);
    const Tensor& tensor = outputs[rows.output];
    if (tensor.shape().empty() || tensor.shape().back() != static_cast<std::int64_t>(rows.format.columns)) {
      return OutputRefused(model_->outputs[rows.output], tensor.shape(), kNeed);
    }
    return BoxesOfRows(*model_, rows.output, tensor, rows.format, image, options.min_score);
  }

  std::shared_ptr<const TaskModel> model_;
};

}  // namespace

std::unique_ptr<Postprocessor> MakeDetect(std::shared_ptr<const TaskModel> model) {
  return std::make_unique<Detect>(std::move(model));
}

}  // namespace accelerd
