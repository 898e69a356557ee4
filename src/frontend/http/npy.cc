#include "frontend/http/npy.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "fmt/core.h"

namespace accelerd {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors and .npy bodies are little-endian");

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr std::size_t kAlignment = 64;

/// The array-protocol type string.
std::string_view Descr(ElementType type) {
  switch (type) {
    case ElementType::kBool:
      return "|b1";
    case ElementType::kU8:
      return "|u1";
    case ElementType::kI8:
      return "|i1";
    case ElementType::kU16:
      return "<u2";
    case ElementType::kI16:
      return "<i2";
    case ElementType::kU32:
      return "<u4";
    case ElementType::kI32:
      return "<i4";
    case ElementType::kU64:
      return "<u8";
    case ElementType::kI64:
      return "<i8";
    case ElementType::kF16:
      return "<f2";
    case ElementType::kBf16:
    case ElementType::kF32:
      return "<f4";
    case ElementType::kF64:
      return "<f8";
  }
  return "|V1";
}

/// A Python tuple: "()", "(3,)", "(2, 3)".
std::string Tuple(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : " ", shape[i]);
    if (i + 1 < shape.size() || shape.size() == 1) {
      text += ',';
    }
  }
  return text + ')';
}

/// Everything before the elements, with room for `bytes` of them: magic, version, length of the dictionary, dictionary
/// padded by spaces so that the elements begin at a multiple of 64.
std::string Header(ElementType type, const Shape& shape, std::size_t bytes) {
  const std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", Descr(type), Tuple(shape));
  const std::size_t unpadded = kMagic.size() + sizeof(std::uint16_t) + dictionary.size() + 1;
  const std::size_t size = (unpadded + kAlignment - 1) / kAlignment * kAlignment;
  const auto length = static_cast<std::uint16_t>(size - kMagic.size() - sizeof(std::uint16_t));

  std::string header;
  header.reserve(size + bytes);
  header.append(kMagic);
  header.push_back(static_cast<char>(length & 0xFF));
  header.push_back(static_cast<char>(length >> 8));
  header.append(dictionary);
  header.append(size - unpadded, ' ');
  header.push_back('\n');
  return header;
}

template <typename T>
void Append(std::string& npy, std::span<const T> elements) {
  npy.append(reinterpret_cast<const char*>(elements.data()), elements.size_bytes());
}

/// bf16 is the upper half of a float32.
void AppendWidened(std::string& npy, std::span<const std::uint16_t> elements) {
  for (const std::uint16_t element : elements) {
    const std::uint32_t wide = static_cast<std::uint32_t>(element) << 16;
    npy.append(reinterpret_cast<const char*>(&wide), sizeof(wide));
  }
}

}  // namespace

std::string NpyFromTensor(const Tensor& tensor) {
  const bool widened = tensor.element_type() == ElementType::kBf16;
  std::string npy = Header(tensor.element_type(), tensor.shape(), tensor.byte_size() * (widened ? 2 : 1));
  if (tensor.empty()) {
    return npy;
  }
  if (widened) {
    AppendWidened(npy, tensor.elements<std::uint16_t>());
  } else {
    Append<std::byte>(npy, tensor.bytes());
  }
  return npy;
}

std::string NpyHeader(const Image& image) {
  return Header(ElementType::kU8, {image.rows, image.cols, 3}, 0);
}

std::string NpyFromMask(const Mask& mask) {
  std::string npy =
      Header(ElementType::kI32, {mask.rows, mask.cols}, mask.classes.size() * sizeof(mask.classes.front()));
  Append<std::int32_t>(npy, mask.classes);
  return npy;
}

}  // namespace accelerd
