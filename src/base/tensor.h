#ifndef ACCELERD_BASE_TENSOR_H_
#define ACCELERD_BASE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/buffer.h"
#include "base/status.h"

namespace accelerd {

/// Types of tensor elements; all little-endian and unpadded.
enum class ElementType : std::uint8_t { kBool, kU8, kI8, kU16, kI16, kU32, kI32, kU64, kI64, kF16, kBf16, kF32, kF64 };

/// Bytes of one element.
std::size_t ElementSize(ElementType type);

/// The name as OpenVINO spells it: "f32", "u8", "boolean" …
std::string_view ElementName(ElementType type);

/// Sizes of the dimensions, outermost first. A scalar has none. In a specification -1 is a size that may vary.
using Shape = absl::InlinedVector<std::int64_t, 6>;

/// "[1,3,224,224]"; a size that may vary is "?".
std::string ShapeToString(const Shape& shape);

/// Number of elements. kInvalidArgument when a size is negative or the product does not fit.
absl::StatusOr<std::size_t> ElementCount(const Shape& shape);

/// Bytes of a dense tensor; errors as ElementCount.
absl::StatusOr<std::size_t> ByteSize(ElementType type, const Shape& shape);

/// A dense row-major array: element type, shape, and a counted reference to its bytes.
///
/// Copies share the bytes. A default-constructed Tensor is empty: it stands for an output whose size is unknown before
/// the run. Thread-compatible; who writes the bytes must be their only user.
class Tensor {
 public:
  Tensor() = default;

  /// REQUIRES: `buffer` holds at least ByteSize(type, shape) bytes.
  Tensor(ElementType type, Shape shape, std::shared_ptr<Buffer> buffer);

  /// With new zeroed heap memory. Errors as ByteSize.
  static absl::StatusOr<Tensor> Allocate(ElementType type, const Shape& shape);

  bool empty() const { return buffer_ == nullptr; }
  ElementType element_type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::size_t byte_size() const { return bytes_; }

  /// The elements' bytes, byte_size() of them.
  std::span<std::byte> bytes() const;

  /// The elements as T. REQUIRES: sizeof(T) is the element's size.
  template <typename T>
  std::span<T> elements() const {
    return {reinterpret_cast<T*>(bytes().data()), bytes_ / sizeof(T)};
  }

  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

 private:
  ElementType type_ = ElementType::kU8;
  Shape shape_;
  std::size_t bytes_ = 0;
  std::shared_ptr<Buffer> buffer_;
};

using Tensors = std::vector<Tensor>;

}  // namespace accelerd

#endif  // ACCELERD_BASE_TENSOR_H_
