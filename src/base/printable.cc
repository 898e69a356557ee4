#include "base/printable.h"

#include "fmt/core.h"

namespace accelerd {

std::string Printable(std::string_view text) {
  constexpr unsigned char kC1Lead = 0xc2;  // U+0080 to U+009F are c2 80 to c2 9f.
  std::string printable;
  printable.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte < 0x20 || byte == 0x7f) {
      printable += fmt::format("\\x{:02x}", byte);
    } else if (byte == kC1Lead && next >= 0x80 && next <= 0x9f) {
      printable += fmt::format("\\u{:04x}", next);
      ++i;
    } else {
      printable += text[i];
    }
  }
  return printable;
}

}  // namespace accelerd
