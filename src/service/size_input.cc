#include "service/size_input.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"

namespace accelerd {
namespace {

struct Kind {
  std::string_view name;
  SizeContent content;
  std::int64_t numbers;  ///< Numbers of one image.
};

constexpr std::array<Kind, 6> kKinds = {{{"image_info", SizeContent::kImageInfo, 3},
                                         {"im_info", SizeContent::kImageInfo, 3},
                                         {"img_info", SizeContent::kImageInfo, 3},
                                         {"im_shape", SizeContent::kInputSize, 2},
                                         {"scale_factor", SizeContent::kScaleFactor, 2},
                                         {"orig_target_sizes", SizeContent::kTargetSizes, 2}}};

/// The last part of a name such as "detector/image_info:0", in lower case.
std::string PlainName(std::string_view name) {
  name = name.substr(0, name.find(':'));
  const std::size_t slash = name.rfind('/');
  std::string plain(slash == std::string_view::npos ? name : name.substr(slash + 1));
  absl::AsciiStrToLower(&plain);
  return plain;
}

bool IsNumber(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kI32 ||
         type == ElementType::kI64;
}

template <typename T>
void FillRows(std::span<const double> row, std::span<T> target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    target[i] = static_cast<T>(row[i % row.size()]);
  }
}

std::vector<double> NumbersOf(SizeContent content, const ImageFormat& format, const ImageSize& original) {
  switch (content) {
    case SizeContent::kImageInfo:
      return {static_cast<double>(format.height), static_cast<double>(format.width), 1.0};
    case SizeContent::kInputSize:
      return {static_cast<double>(format.height), static_cast<double>(format.width)};
    case SizeContent::kScaleFactor:
      return {static_cast<double>(format.height) / original.rows, static_cast<double>(format.width) / original.cols};
    case SizeContent::kTargetSizes:
      return {static_cast<double>(original.cols), static_cast<double>(original.rows)};
  }
  return {};
}

}  // namespace

std::optional<SizeInput> RecognizeSizeInput(const TensorSpec& spec, std::size_t index) {
  const auto* kind = std::ranges::find(kKinds, PlainName(spec.name), &Kind::name);
  if (kind == kKinds.end() || !IsNumber(spec.element_type)) {
    return std::nullopt;
  }
  const bool one_row = spec.shape.size() == 1;
  const std::int64_t last = spec.shape.empty() ? 0 : spec.shape.back();
  if (spec.shape.empty() || spec.shape.size() > 2 || (last != kind->numbers && last != -1)) {
    return std::nullopt;
  }
  // Integers cannot hold the scale.
  if (kind->content == SizeContent::kScaleFactor && spec.element_type != ElementType::kF32 &&
      spec.element_type != ElementType::kF64) {
    return std::nullopt;
  }
  SizeInput input{.index = index, .content = kind->content, .element_type = spec.element_type, .shape = {}};
  input.shape = one_row ? Shape{kind->numbers} : Shape{std::max<std::int64_t>(spec.shape[0], 1), kind->numbers};
  return input;
}

void FillSizeInput(const SizeInput& input, const ImageFormat& format, const ImageSize& original, const Tensor& tensor) {
  const std::vector<double> numbers = NumbersOf(input.content, format, original);
  switch (input.element_type) {
    case ElementType::kF32:
      return FillRows<float>(numbers, tensor.elements<float>());
    case ElementType::kF64:
      return FillRows<double>(numbers, tensor.elements<double>());
    case ElementType::kI32:
      return FillRows<std::int32_t>(numbers, tensor.elements<std::int32_t>());
    default:
      return FillRows<std::int64_t>(numbers, tensor.elements<std::int64_t>());
  }
}

}  // namespace accelerd
