#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"
#include "task/fit.h"
#include "task/output_postprocessor.h"
#include "task/scores.h"
#include "task/shapes.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

/// In place. REQUIRES: neither NaN nor +infinity; at least one finite score.
void Softmax(std::vector<float>* scores) {
  const float best = *std::max_element(scores->begin(), scores->end());
  double sum = 0.0;
  for (float& score : *scores) {
    score = std::exp(score - best);
    sum += score;
  }
  for (float& score : *scores) {
    score = static_cast<float>(score / sum);
  }
}

class Classify : public OutputPostprocessor {
 public:
  using OutputPostprocessor::OutputPostprocessor;

 protected:
  std::string Misfit(std::size_t index, const Shape& shape) const override {
    const std::string misfit = ClassifyMisfit(model(), index, shape);
    return misfit.empty() ? misfit : misfit + Advice(model(), Task::kClassify, index, shape);
  }

  absl::StatusOr<TaskResult> Convert(std::size_t index, const Tensor& tensor, const ImageSize& /*image*/,
                                     const TaskOptions& options) const override {
    const OutputDescription& output = model().outputs[index];
    const Shape& shape = tensor.shape();
    std::vector<float> scores =
        ToFloats(tensor, shape.size() == 1 ? static_cast<std::size_t>(shape[0]) : ItemElements(shape));
    Dequantize(&scores, model().card.output_scale.value_or(output.facts.scale), output.facts.zero_point);
    ACCELERD_RETURN_IF_ERROR(CheckNumbers(output, scores));
    if (NeedsSoftmax(model(), output)) {
      Softmax(&scores);
    }
    ACCELERD_RETURN_IF_ERROR(CheckProbabilities(output, &scores));
    return Ranked(scores, options.min_score);
  }

 private:
  /// Minus infinity is how graphs mask a class out.
  static absl::Status CheckNumbers(const OutputDescription& output, const std::vector<float>& scores) {
    bool any_finite = false;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (std::isnan(scores[i]) || scores[i] == std::numeric_limits<float>::infinity()) {
        return absl::InternalError(
            fmt::format("model output \"{}\" holds no score for class {}: {}", output.spec.name, i, scores[i]));
      }
      any_finite = any_finite || std::isfinite(scores[i]);
    }
    return any_finite ? absl::OkStatus()
                      : absl::InternalError(fmt::format("model output \"{}\" holds no finite score", output.spec.name));
  }

  /// Also takes away what rounding left beyond 0 and 1.
  static absl::Status CheckProbabilities(const OutputDescription& output, std::vector<float>* scores) {
    for (std::size_t i = 0; i < scores->size(); ++i) {
      float& score = (*scores)[i];
      if (!IsProbability(score)) {
        return absl::FailedPreconditionError(fmt::format(
            "model output \"{}\" holds {} for class {}, but scores are from 0 to 1; in the TOML beside the model, set "
            "softmax = true if these are scores before a softmax, or output_scale, such as 0.01 for percent",
            output.spec.name, score, i));
      }
      score = std::clamp(score, 0.0F, 1.0F);
    }
    return absl::OkStatus();
  }

  Classes Ranked(const std::vector<float>& scores, float min_score) const {
    Classes result;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] > min_score) {
        result.classes.push_back({static_cast<int>(i), scores[i], LabelOf(model().card.labels, i)});
      }
    }
    std::stable_sort(result.classes.begin(), result.classes.end(),
                     [](const ClassScore& a, const ClassScore& b) { return a.probability > b.probability; });
    return result;
  }
};

}  // namespace

std::unique_ptr<Postprocessor> MakeClassify(std::shared_ptr<const TaskModel> model) {
  return std::make_unique<Classify>(std::move(model));
}

}  // namespace accelerd
