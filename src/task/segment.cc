#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"
#include "image/resize.h"
#include "task/fit.h"
#include "task/output_postprocessor.h"
#include "task/segment_form.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

using ClassMap = std::vector<std::int32_t>;

/// Interpolation may carry a probability this far beyond 0 and 1.
constexpr float kInterpolated = 0.2F;

/// Whether a number is no score: NaN, or infinity that an overflow left. Minus infinity is how graphs mask a class out.
template <typename T>
bool IsNoScore(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return !(value <= std::numeric_limits<T>::max());
  } else {
    return false;
  }
}

/// Where a score of `plane` beats the best one so far, it becomes the best and `label` the winner. Returns not 0 when a
/// number is no score. Masks in place of choices: compilers vectorise them for every type.
template <typename T>
std::int32_t Challenge(const T* __restrict plane, std::int32_t label, std::size_t count, T* __restrict best,
                       std::int32_t* __restrict winner) {
  std::int32_t bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const T score = plane[i];
    const std::int32_t mask = -static_cast<std::int32_t>(score > best[i]);
    best[i] = score > best[i] ? score : best[i];
    winner[i] = (winner[i] & ~mask) | (label & mask);
    bad |= static_cast<std::int32_t>(IsNoScore(score));
  }
  return bad;
}

/// The best class of each pixel, the first one of equals; false when a number is no score. A block of pixels at a time
/// over all planes, so that the best scores stay in the nearest cache.
template <typename T>
bool ArgmaxPlanes(std::span<const T> scores, std::size_t pixels, std::size_t classes, ClassMap* map) {
  constexpr std::size_t kBlock = 1024;
  std::array<T, kBlock> best;
  std::int32_t bad = 0;
  for (std::size_t begin = 0; begin < pixels; begin += kBlock) {
    const std::size_t count = std::min(kBlock, pixels - begin);
    std::copy_n(scores.data() + begin, count, best.data());
    for (std::size_t c = 0; c < classes; ++c) {
      bad |= Challenge(scores.data() + c * pixels + begin, static_cast<std::int32_t>(c), count, best.data(),
                       map->data() + begin);
    }
  }
  return bad == 0;
}

template <typename T>
bool ArgmaxPacked(std::span<const T> scores, std::size_t pixels, std::size_t classes, ClassMap* map) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::span<const T> pixel = scores.subspan(i * classes, classes);
    if (std::any_of(pixel.begin(), pixel.end(), IsNoScore<T>)) {
      return false;
    }
    (*map)[i] = static_cast<std::int32_t>(std::max_element(pixel.begin(), pixel.end()) - pixel.begin());
  }
  return true;
}

/// False when a number is no class.
template <typename T>
bool CopyClasses(std::span<const T> classes, std::size_t pixels, ClassMap* map) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const auto value = static_cast<double>(classes[i]);
    if (!(value >= 0.0 && value <= std::numeric_limits<std::int32_t>::max()) || value != std::floor(value)) {
      return false;
    }
    (*map)[i] = static_cast<std::int32_t>(value);
  }
  return true;
}

class Segment : public OutputPostprocessor {
 public:
  using OutputPostprocessor::OutputPostprocessor;

 protected:
  std::string Misfit(std::size_t index, const Shape& shape) const override {
    const std::string misfit = SegmentMisfit(model(), index, shape);
    return misfit.empty() ? misfit : misfit + Advice(model(), Task::kSegment, index, shape);
  }

  std::size_t BytesOf(const OutputDescription& /*output*/, const ImageSize& image) const override {
    return static_cast<std::size_t>(image.rows) * static_cast<std::size_t>(image.cols) * sizeof(std::int32_t);
  }

  absl::StatusOr<TaskResult> Convert(std::size_t index, const Tensor& tensor, const ImageSize& image,
                                     const TaskOptions& /*options*/) const override {
    const SegmentPlan plan = PlanSegment(model(), index, tensor.shape());
    ClassMap map(plan.rows * plan.cols);
    if (plan.form == SegmentForm::kMask) {
      ACCELERD_RETURN_IF_ERROR(Threshold(model().outputs[index], tensor, plan, &map));
    } else if (!Fill(tensor, plan, &map)) {
      return absl::InternalError(fmt::format("model output \"{}\" holds values that are no classes or scores",
                                             model().outputs[index].spec.name));
    }
    return Mask{image.rows, image.cols,
                ResizeNearest(std::move(map), static_cast<int>(plan.rows), static_cast<int>(plan.cols), image.rows,
                              image.cols)};
  }

 private:
  static bool Fill(const Tensor& tensor, const SegmentPlan& plan, ClassMap* map) {
    return VisitElements(tensor, [&](auto elements) {
      using T = std::remove_const_t<typename decltype(elements)::element_type>;
      switch (plan.form) {
        case SegmentForm::kPlanarScores:
          return ArgmaxPlanes<T>(elements, map->size(), plan.classes, map);
        case SegmentForm::kPackedScores:
          return ArgmaxPacked<T>(elements, map->size(), plan.classes, map);
        default:
          return CopyClasses<T>(elements, map->size(), map);
      }
    });
  }

  /// Class 1 where the probability is over a half.
  static absl::Status Threshold(const OutputDescription& output, const Tensor& tensor, const SegmentPlan& plan,
                                ClassMap* map) {
    std::vector<float> values = ToFloats(tensor, map->size());
    if (output.is_scaled()) {
      Dequantize(&values, output.facts.scale, output.facts.zero_point);
    }
    // The sigmoid of 0 is a half.
    const float least = plan.sigmoid ? 0.0F : 0.5F;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        return absl::InternalError(fmt::format("model output \"{}\" holds {}", output.spec.name, values[i]));
      }
      if (!plan.sigmoid && std::abs(values[i] - 0.5F) > 0.5F + kInterpolated) {
        return absl::FailedPreconditionError(fmt::format(
            "model output \"{}\" holds {}, which is no probability; set sigmoid = true in the TOML beside the "
            "model if a sigmoid makes probabilities of its values",
            output.spec.name, values[i]));
      }
      (*map)[i] = values[i] > least ? 1 : 0;
    }
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<Postprocessor> MakeSegment(std::shared_ptr<const TaskModel> model) {
  return std::make_unique<Segment>(std::move(model));
}

}  // namespace accelerd
