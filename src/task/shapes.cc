#include "task/shapes.h"

#include <algorithm>

namespace accelerd {
namespace {

constexpr std::int64_t kSsdColumns = 7;

}  // namespace

bool IsClassScores(const Shape& shape) {
  if (shape.empty() || std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    return false;
  }
  const auto first = shape.begin() + (shape.size() > 1 ? 1 : 0);
  return std::count_if(first, shape.end(), [](std::int64_t size) { return size != 1; }) <= 1;
}

bool IsSsdRows(const Shape& shape) {
  return shape.size() >= 2 && shape.size() <= 4 && shape.back() == kSsdColumns && shape != Shape{1, kSsdColumns} &&
         std::all_of(shape.begin(), shape.end() - 2, [](std::int64_t size) { return size == 1; });
}

bool IsInteger(ElementType type) {
  switch (type) {
    case ElementType::kF16:
    case ElementType::kBf16:
    case ElementType::kF32:
    case ElementType::kF64:
      return false;
    default:
      return true;
  }
}

std::size_t ClassCount(const Shape& shape) {
  const bool open = std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; });
  if (open || !IsClassScores(shape) || IsSsdRows(shape)) {
    return 0;
  }
  return shape.size() == 1 ? static_cast<std::size_t>(shape[0]) : ItemElements(shape);
}

std::size_t ItemElements(const Shape& shape) {
  std::size_t elements = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    elements *= static_cast<std::size_t>(shape[i]);
  }
  return elements;
}

}  // namespace accelerd
