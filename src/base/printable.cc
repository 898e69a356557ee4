#include "base/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "fmt/core.h"

namespace accelerd {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

/// Code points that are escaped, in order: Unicode 15's general categories Cc and Cf, which include all bidirectional
/// controls, its separators of lines and paragraphs, its private-use code points, and its noncharacters of the first
/// plane.
constexpr std::array<Range, 25> kEscaped = {{
    {0x0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},     {0x180e, 0x180e},
    {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f}, {0xf0000, 0x10ffff},
}};

bool IsEscaped(char32_t code) {
  const auto* const range = std::ranges::lower_bound(kEscaped, code, {}, &Range::last);
  return range != kEscaped.end() && range->first <= code;
}

/// A code point, and how many bytes encode it; 0 bytes: they are not UTF-8.
struct Decoded {
  char32_t code = 0;
  std::size_t bytes = 0;
};

/// Decodes the first code point of `text`, which is not empty.
Decoded Decode(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) {
    return {};
  }
  char32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return {};
    }
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < kLeast[length] || code > 0x10ffff || surrogate ? Decoded{} : Decoded{code, length};
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const auto [code, bytes] = Decode(text);
    if (bytes <= 1 && (bytes == 0 || IsEscaped(code))) {
      printable += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (!IsEscaped(code)) {
      printable.append(text.substr(0, bytes));
    } else {
      printable += code > 0xffff ? fmt::format("\\U{:08x}", static_cast<std::uint32_t>(code))
                                 : fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return printable;
}

}  // namespace accelerd
