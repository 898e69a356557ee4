#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"
#include "task/output_postprocessor.h"
#include "task/shapes.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

constexpr std::size_t kColumns = 7;

/// Beyond these a number is no class, score or normalised corner, and would overflow where clients are answered in
/// whole percent and pixels.
constexpr float kMaxClass = 1e6F;
constexpr float kMaxScore = 1e6F;
constexpr float kMaxCorner = 1000.0F;

/// A row [image, class, score, left, top, right, bottom].
using Row = std::span<const float, kColumns>;

/// Whether a box can be made of the row. NaN fails every comparison.
bool IsSound(Row row) {
  return row[1] >= 0.0F && row[1] <= kMaxClass && std::abs(row[2]) <= kMaxScore &&
         std::all_of(row.begin() + 3, row.end(), [](float corner) { return std::abs(corner) <= kMaxCorner; });
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

class Detect : public OutputPostprocessor {
 public:
  Detect(const ModelInfo& info, const ModelCard& card)
      : OutputPostprocessor(info), labels_(card.labels), score_scale_(card.output_scale.value_or(1.0F)) {}

 protected:
  std::string Misfit(const OutputDescription& /*output*/, ElementType type, const Shape& shape) const override {
    return IsSsdRows(shape) ? "" : fmt::format("detect needs SSD rows [1,1,N,7]{}", GuessTask(type, shape));
  }

  absl::StatusOr<TaskResult> Convert(const OutputDescription& output, const Tensor& tensor, const ImageSize& image,
                                     const TaskOptions& options) const override {
    std::vector<float> values = ToFloats(tensor, tensor.byte_size() / ElementSize(tensor.element_type()));
    Dequantize(&values, output.facts.scale, output.facts.zero_point);

    Boxes result{image.rows, image.cols, {}};
    for (std::size_t i = 0; i + kColumns <= values.size(); i += kColumns) {
      const Row row(values.data() + i, kColumns);
      if (row[0] < 0.0F) {
        break;
      }
      const float score = row[2] * score_scale_;
      // Rows that no box can be made of are passed over: half an answer is better than a made-up one or none.
      if (row[0] == values[0] && score > options.min_score && IsSound(row)) {
        const int index = static_cast<int>(row[1]);
        result.boxes.push_back({index, score, row[3], row[4], row[5], row[6], LabelOf(labels_, index)});
      }
    }
    if (options.best_of_class) {
      KeepBestOfClass(&result.boxes);
    }
    std::stable_sort(result.boxes.begin(), result.boxes.end(),
                     [](const Box& a, const Box& b) { return a.score > b.score; });
    return result;
  }

 private:
  std::vector<std::string> labels_;
  float score_scale_;
};

}  // namespace

std::unique_ptr<Postprocessor> MakeDetect(const ModelInfo& info, const ModelCard& card) {
  return std::make_unique<Detect>(info, card);
}

}  // namespace accelerd
