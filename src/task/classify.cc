#include <algorithm>
#include <cmath>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"
#include "task/output_postprocessor.h"
#include "task/shapes.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

/// Beyond it a number is no score, and would overflow where clients are answered in whole percent.
constexpr float kMaxScore = 1e6F;

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
  Classify(const ModelInfo& info, const ModelCard& card)
      : OutputPostprocessor(info), labels_(card.labels), scale_(card.output_scale), softmax_(card.softmax) {}

 protected:
  std::string Misfit(const OutputDescription& output, ElementType type, const Shape& shape) const override {
    if (!IsClassScores(shape)) {
      return fmt::format("classify needs one score a class, such as [1,1000]{}", GuessTask(type, shape));
    }
    if (Count(shape) == 1 && NeedsSoftmax(output)) {
      return "a softmax over one score says nothing; if it is a probability, set softmax = false in the TOML beside "
             "the model";
    }
    return "";
  }

  absl::StatusOr<TaskResult> Convert(const OutputDescription& output, const Tensor& tensor, const ImageSize& /*image*/,
                                     const TaskOptions& options) const override {
    std::vector<float> scores = ToFloats(tensor, Count(tensor.shape()));
    Dequantize(&scores, scale_.value_or(output.facts.scale), output.facts.zero_point);
    ACCELERD_RETURN_IF_ERROR(CheckScores(output, scores));
    if (NeedsSoftmax(output)) {
      Softmax(&scores);
    }
    return Ranked(scores, options.min_score);
  }

 private:
  static std::size_t Count(const Shape& shape) {
    return shape.size() == 1 ? static_cast<std::size_t>(shape[0]) : ItemElements(shape);
  }

  bool NeedsSoftmax(const OutputDescription& output) const { return softmax_.value_or(!output.facts.probabilities); }

  /// Minus infinity is how graphs mask a class out.
  static absl::Status CheckScores(const OutputDescription& output, const std::vector<float>& scores) {
    bool any_finite = false;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (std::isnan(scores[i]) || scores[i] > kMaxScore) {
        return absl::InternalError(
            fmt::format("model output \"{}\" holds no score for class {}: {}", output.spec.name, i, scores[i]));
      }
      any_finite = any_finite || std::isfinite(scores[i]);
    }
    return any_finite ? absl::OkStatus()
                      : absl::InternalError(fmt::format("model output \"{}\" holds no finite score", output.spec.name));
  }

  Classes Ranked(const std::vector<float>& scores, float min_score) const {
    Classes result;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] > min_score) {
        result.classes.push_back({static_cast<int>(i), scores[i], LabelOf(labels_, i)});
      }
    }
    std::stable_sort(result.classes.begin(), result.classes.end(),
                     [](const ClassScore& a, const ClassScore& b) { return a.probability > b.probability; });
    return result;
  }

  std::vector<std::string> labels_;
  std::optional<float> scale_;
  std::optional<bool> softmax_;
};

}  // namespace

std::unique_ptr<Postprocessor> MakeClassify(const ModelInfo& info, const ModelCard& card) {
  return std::make_unique<Classify>(info, card);
}

}  // namespace accelerd
