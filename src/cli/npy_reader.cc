#include "cli/npy_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxDimensions = 32;  // NumPy's own bound.

template <typename T>
NpyValue Read(const char* element) {
  T value;
  std::memcpy(&value, element, sizeof(value));
  if constexpr (std::is_floating_point_v<T>) {
    return value;
  } else if constexpr (std::is_signed_v<T>) {
    return std::int64_t{value};
  } else {
    return std::uint64_t{value};
  }
}

NpyValue ReadBool(const char* element) {
  return *element != 0;
}

/// IEEE 754 binary16.
NpyValue ReadHalf(const char* element) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, element, sizeof(bits));
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

struct Type {
  std::string_view descr;
  std::string_view name;
  std::size_t size;
  NpyValue (*read)(const char*);
};

const Type* FindType(std::string_view descr) {
  static constexpr std::array<Type, 12> kTypes = {{{"|b1", "bool", 1, &ReadBool},
                                                   {"|i1", "int8", 1, &Read<std::int8_t>},
                                                   {"|u1", "uint8", 1, &Read<std::uint8_t>},
                                                   {"<i2", "int16", 2, &Read<std::int16_t>},
                                                   {"<u2", "uint16", 2, &Read<std::uint16_t>},
                                                   {"<i4", "int32", 4, &Read<std::int32_t>},
                                                   {"<u4", "uint32", 4, &Read<std::uint32_t>},
                                                   {"<i8", "int64", 8, &Read<std::int64_t>},
                                                   {"<u8", "uint64", 8, &Read<std::uint64_t>},
                                                   {"<f2", "float16", 2, &ReadHalf},
                                                   {"<f4", "float32", 4, &Read<float>},
                                                   {"<f8", "float64", 8, &Read<double>}}};
  const auto* found =
      std::find_if(kTypes.begin(), kTypes.end(), [descr](const Type& type) { return type.descr == descr; });
  return found == kTypes.end() ? nullptr : found;
}

absl::Status Damaged(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("not a readable .npy array: {}", what));
}

/// The header's dictionary, taken from the front token by token.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  /// Takes `token` after any spaces; false when something else stands there.
  bool Take(std::string_view token) {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size()));
    if (!text_.starts_with(token)) {
      return false;
    }
    text_.remove_prefix(token.size());
    return true;
  }

  /// Takes 'TEXT'.
  std::optional<std::string_view> TakeString() {
    if (!Take("'")) {
      return std::nullopt;
    }
    const std::size_t end = text_.find('\'');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view taken = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return taken;
  }

  /// Takes (2, 3), (2,) or ().
  std::optional<std::vector<std::int64_t>> TakeShape() {
    std::vector<std::int64_t> shape;
    if (!Take("(")) {
      return std::nullopt;
    }
    while (!Take(")")) {
      std::int64_t size = 0;
      Take("");
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0 || shape.size() == kMaxDimensions) {
        return std::nullopt;
      }
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      shape.push_back(size);
      if (!Take(",") && !text_.starts_with(')')) {
        return std::nullopt;
      }
    }
    return shape;
  }

 private:
  std::string_view text_;
};

struct Header {
  std::string_view descr;
  bool column_order = false;
  std::vector<std::int64_t> shape;
};

std::optional<Header> ParseHeader(std::string_view text) {
  HeaderText rest(text);
  Header header;
  int found = 0;
  if (!rest.Take("{")) {
    return std::nullopt;
  }
  while (!rest.Take("}")) {
    const auto key = rest.TakeString();
    if (!key || !rest.Take(":")) {
      return std::nullopt;
    }
    if (*key == "descr") {
      header.descr = rest.TakeString().value_or("");
    } else if (*key == "fortran_order") {
      header.column_order = rest.Take("True");
      if (!header.column_order && !rest.Take("False")) {
        return std::nullopt;
      }
    } else if (*key == "shape") {
      auto shape = rest.TakeShape();
      if (!shape) {
        return std::nullopt;
      }
      header.shape = *std::move(shape);
    } else {
      return std::nullopt;
    }
    ++found;
    rest.Take(",");
  }
  return found == 3 ? std::optional(header) : std::nullopt;
}

/// The product of the sizes, unless the array would be larger than `max_bytes`.
std::optional<std::size_t> CountElements(const std::vector<std::int64_t>& shape, std::size_t item_size,
                                         std::size_t max_bytes) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    return 0;
  }
  std::size_t count = 1;
  for (const std::int64_t size : shape) {
    if (static_cast<std::uint64_t>(size) > max_bytes / item_size / count) {
      return std::nullopt;
    }
    count *= static_cast<std::size_t>(size);
  }
  return count;
}

}  // namespace

absl::StatusOr<NpyArray> NpyArray::Parse(std::string_view bytes) {
  // Magic, version, then the length of the header in two bytes (version 1) or four.
  constexpr std::size_t kLengthAt = 8;
  if (bytes.size() < kLengthAt + 4 || !bytes.starts_with(kMagic)) {
    return Damaged("it does not begin as one");
  }
  const int version = static_cast<unsigned char>(bytes[6]);
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (version < 1 || version > 3) {
    return Damaged(fmt::format("its version is {}", version));
  }
  std::size_t header_size = 0;
  for (std::size_t i = length_bytes; i > 0; --i) {
    header_size = header_size << 8 | static_cast<unsigned char>(bytes[kLengthAt + i - 1]);
  }
  bytes.remove_prefix(kLengthAt + length_bytes);
  if (header_size > bytes.size()) {
    return Damaged("its header is cut off");
  }
  auto header = ParseHeader(bytes.substr(0, header_size));
  if (!header) {
    return Damaged("its header is wrong");
  }
  const Type* type = FindType(header->descr);
  if (type == nullptr || header->column_order) {
    return Damaged(
        fmt::format("type \"{}\"{} is not read here", header->descr, header->column_order ? " in column order" : ""));
  }
  NpyArray array;
  array.data_ = bytes.substr(header_size);
  const auto count = CountElements(header->shape, type->size, array.data_.size());
  if (!count || *count * type->size != array.data_.size()) {
    return Damaged(fmt::format("shape {} of {} does not fit its {} bytes of data", NpyShapeText(header->shape),
                               type->name, array.data_.size()));
  }
  array.type_name_ = type->name;
  array.item_size_ = type->size;
  array.read_ = type->read;
  array.shape_ = std::move(header->shape);
  array.size_ = *count;
  return array;
}

NpyValue NpyArray::operator[](std::size_t index) const {
  return read_(data_.data() + index * item_size_);
}

std::string NpyShapeText(const std::vector<std::int64_t>& shape) {
  return shape.size() == 1 ? fmt::format("({},)", shape[0]) : fmt::format("({})", fmt::join(shape, ","));
}

}  // namespace accelerd
