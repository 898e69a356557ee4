#ifndef ACCELERD_CLI_NPY_READER_H_
#define ACCELERD_CLI_NPY_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// An element of an array: bool, integer or floating point.
using NpyValue = std::variant<bool, std::int64_t, std::uint64_t, float, double>;

/// An array in NumPy's .npy format, versions 1 to 3. A view: the bytes outlive it.
class NpyArray {
 public:
  /// kInvalidArgument: damaged, truncated, with bytes behind its end; or of a kind that is not read: big-endian, in
  /// column order, of a type other than bool, (u)int8..64, float16..64.
  static absl::StatusOr<NpyArray> Parse(std::string_view bytes);

  /// As NumPy names it: "float32".
  std::string_view type_name() const { return type_name_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::size_t size() const { return size_; }

  /// Element `index` in row-major order. REQUIRES: index < size().
  NpyValue operator[](std::size_t index) const;

 private:
  NpyArray() = default;

  std::string_view data_;
  std::string_view type_name_;
  std::size_t item_size_ = 0;
  NpyValue (*read_)(const char* element) = nullptr;
  std::vector<std::int64_t> shape_;
  std::size_t size_ = 0;
};

/// "(2,3)", as NumPy prints a shape.
std::string NpyShapeText(const std::vector<std::int64_t>& shape);

}  // namespace accelerd

#endif  // ACCELERD_CLI_NPY_READER_H_
