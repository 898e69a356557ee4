#ifndef ACCELERD_BASE_PRINTABLE_H_
#define ACCELERD_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace accelerd {

/// Returns `text` with everything escaped that could forge a line, steer a terminal or reorder what is shown, so that
/// text of clients, files and services can be printed. These are
///   - control characters, written as "\x0a" or "\u0085",
///   - format characters, such as the bidirectional U+202E, separators of lines and paragraphs, and code points without
///     a meaning in the standard: "\u202e", "\U000e0001",
///   - bytes that are not UTF-8: "\x9b".
std::string Printable(std::string_view text);

}  // namespace accelerd

#endif  // ACCELERD_BASE_PRINTABLE_H_
