#include "base/tensor.h"

#include <array>
#include <cassert>
#include <utility>

#include "absl/strings/str_join.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

struct ElementTraits {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<ElementTraits, 13> kElements = {{{"boolean", 1},
                                                      {"u8", 1},
                                                      {"i8", 1},
                                                      {"u16", 2},
                                                      {"i16", 2},
                                                      {"u32", 4},
                                                      {"i32", 4},
                                                      {"u64", 8},
                                                      {"i64", 8},
                                                      {"f16", 2},
                                                      {"bf16", 2},
                                                      {"f32", 4},
                                                      {"f64", 8}}};

}  // namespace

std::size_t ElementSize(ElementType type) {
  return kElements.at(static_cast<std::size_t>(type)).size;
}

std::string_view ElementName(ElementType type) {
  return kElements.at(static_cast<std::size_t>(type)).name;
}

std::string ShapeToString(const Shape& shape) {
  const auto append_size = [](std::string* out, std::int64_t size) { *out += size < 0 ? "?" : std::to_string(size); };
  return fmt::format("[{}]", absl::StrJoin(shape, ",", append_size));
}

absl::StatusOr<std::size_t> ElementCount(const Shape& shape) {
  // Bytes are counted in ptrdiff_t by the standard library, so larger products are errors too.
  std::ptrdiff_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) {
      return absl::InvalidArgumentError(fmt::format("shape {} has no number of elements", ShapeToString(shape)));
    }
  }
  return static_cast<std::size_t>(count);
}

absl::StatusOr<std::size_t> ByteSize(ElementType type, const Shape& shape) {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t count, ElementCount(shape));
  std::ptrdiff_t bytes = 0;
  if (__builtin_mul_overflow(count, ElementSize(type), &bytes)) {
    return absl::InvalidArgumentError(
        fmt::format("shape {} of {} is too large", ShapeToString(shape), ElementName(type)));
  }
  return static_cast<std::size_t>(bytes);
}

Tensor::Tensor(ElementType type, Shape shape, std::shared_ptr<Buffer> buffer)
    : type_(type), shape_(std::move(shape)), bytes_(ByteSize(type, shape_).value_or(0)), buffer_(std::move(buffer)) {
  assert(buffer_ != nullptr && buffer_->bytes().size() >= bytes_);
}

absl::StatusOr<Tensor> Tensor::Allocate(ElementType type, const Shape& shape) {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t bytes, ByteSize(type, shape));
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, AllocateBuffer(bytes));
  return Tensor(type, shape, std::move(buffer));
}

std::span<std::byte> Tensor::bytes() const {
  return buffer_ == nullptr ? std::span<std::byte>() : buffer_->bytes().first(bytes_);
}

}  // namespace accelerd
