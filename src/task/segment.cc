#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/elements.h"
#include "fmt/core.h"
#include "image/resize.h"
#include "task/output_postprocessor.h"
#include "task/shapes.h"
#include "task/tasks.h"

namespace accelerd {
namespace {

using ClassMap = std::vector<std::int32_t>;

/// Rows, columns and classes of an output.
struct Extent {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t classes = 0;
};

Extent ExtentOf(SegmentForm form, const Shape& shape) {
  const auto size = [&shape](std::size_t i) { return static_cast<std::size_t>(shape[i]); };
  switch (form) {
    case SegmentForm::kPlanarScores:
      return {size(2), size(3), size(1)};
    case SegmentForm::kPackedScores:
      return {size(1), size(2), size(3)};
    default:
      // [1,H,W], [1,1,H,W] or [1,H,W,1].
      return shape.size() == 4 && shape[1] == 1 ? Extent{size(2), size(3), 1} : Extent{size(1), size(2), 1};
  }
}

template <typename T>
bool IsNan(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return value != value;
  } else {
    return false;
  }
}

/// Where a score of `plane` beats the best one so far, it becomes the best and `label` the winner. Returns not 0 when a
/// score is NaN. Masks in place of choices: compilers vectorise them for every type.
template <typename T>
std::int32_t Challenge(const T* __restrict plane, std::int32_t label, std::size_t count, T* __restrict best,
                       std::int32_t* __restrict winner) {
  std::int32_t nan = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const T score = plane[i];
    const std::int32_t mask = -static_cast<std::int32_t>(score > best[i]);
    best[i] = score > best[i] ? score : best[i];
    winner[i] = (winner[i] & ~mask) | (label & mask);
    nan |= static_cast<std::int32_t>(IsNan(score));
  }
  return nan;
}

/// The best class of each pixel, the first one of equals; false when a score is NaN. A block of pixels at a time over
/// all planes, so that the best scores stay in the nearest cache.
template <typename T>
bool ArgmaxPlanes(std::span<const T> scores, std::size_t pixels, std::size_t classes, ClassMap* map) {
  constexpr std::size_t kBlock = 1024;
  std::array<T, kBlock> best;
  std::int32_t nan = 0;
  for (std::size_t begin = 0; begin < pixels; begin += kBlock) {
    const std::size_t count = std::min(kBlock, pixels - begin);
    std::copy_n(scores.data() + begin, count, best.data());
    for (std::size_t c = 0; c < classes; ++c) {
      nan |= Challenge(scores.data() + c * pixels + begin, static_cast<std::int32_t>(c), count, best.data(),
                       map->data() + begin);
    }
  }
  return nan == 0;
}

template <typename T>
bool ArgmaxPacked(std::span<const T> scores, std::size_t pixels, std::size_t classes, ClassMap* map) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::span<const T> pixel = scores.subspan(i * classes, classes);
    if (std::any_of(pixel.begin(), pixel.end(), IsNan<T>)) {
      return false;
    }
    (*map)[i] = static_cast<std::int32_t>(std::max_element(pixel.begin(), pixel.end()) - pixel.begin());
  }
  return true;
}

/// False when a class does not fit.
template <typename T>
bool CopyClasses(std::span<const T> classes, std::size_t pixels, ClassMap* map) {
  for (std::size_t i = 0; i < pixels; ++i) {
    if (!std::in_range<std::int32_t>(classes[i])) {
      return false;
    }
    (*map)[i] = static_cast<std::int32_t>(classes[i]);
  }
  return true;
}

class Segment : public OutputPostprocessor {
 public:
  Segment(const ModelInfo& info, const ModelCard& card) : OutputPostprocessor(info), input_layout_(card.layout) {
    if (input_layout_.empty() && !info.signature.inputs.empty()) {
      input_layout_ = info.signature.inputs.front().layout;
    }
  }

 protected:
  std::string Misfit(const OutputDescription& output, ElementType type, const Shape& shape) const override {
    if (SegmentFormOf(type, shape, IsPacked(output, shape)) != SegmentForm::kNone) {
      return "";
    }
    return fmt::format("segment needs class scores [1,C,H,W] or an integer map of classes [1,H,W]{}",
                       GuessTask(type, shape));
  }

  absl::StatusOr<TaskResult> Convert(const OutputDescription& output, const Tensor& tensor, const ImageSize& image,
                                     const TaskOptions& /*options*/) const override {
    const SegmentForm form = SegmentFormOf(tensor.element_type(), tensor.shape(), IsPacked(output, tensor.shape()));
    const Extent extent = ExtentOf(form, tensor.shape());
    const std::size_t pixels = extent.rows * extent.cols;
    ClassMap map(pixels);
    const bool sound = VisitElements(tensor, [&](auto elements) {
      using T = std::remove_const_t<typename decltype(elements)::element_type>;
      switch (form) {
        case SegmentForm::kPlanarScores:
          return ArgmaxPlanes<T>(elements, pixels, extent.classes, &map);
        case SegmentForm::kPackedScores:
          return ArgmaxPacked<T>(elements, pixels, extent.classes, &map);
        default:
          if constexpr (std::is_integral_v<T>) {
            return CopyClasses<T>(elements, pixels, &map);
          }
          return false;
      }
    });
    if (!sound) {
      return absl::InternalError(
          fmt::format("model output \"{}\" holds values that are no classes or scores", output.spec.name));
    }
    return Mask{image.rows, image.cols,
                ResizeNearest(std::move(map), static_cast<int>(extent.rows), static_cast<int>(extent.cols), image.rows,
                              image.cols)};
  }

 private:
  /// Whether the classes are the last dimension. Where the output's layout is unknown, a model that takes its image as
  /// NHWC is taken to answer so too, unless the last dimension is no smaller than rows and columns: then it is likely a
  /// converted model whose output stayed NCHW.
  bool IsPacked(const OutputDescription& output, const Shape& shape) const {
    if (!output.spec.layout.empty()) {
      return output.spec.layout.back() == 'C';
    }
    return input_layout_ == "NHWC" && shape.size() == 4 && shape[3] < shape[1] && shape[3] < shape[2];
  }

  std::string input_layout_;
};

}  // namespace

std::unique_ptr<Postprocessor> MakeSegment(const ModelInfo& info, const ModelCard& card) {
  return std::make_unique<Segment>(info, card);
}

}  // namespace accelerd
