#ifndef ACCELERD_BASE_PRINTABLE_H_
#define ACCELERD_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace accelerd {

/// `text` with its control characters escaped, "\x0a" or "\u0085": what comes from clients, files and services forges
/// no lines and does not steer the terminal. These are the bytes below 0x20, 0x7f, and U+0080 to U+009F in UTF-8.
std::string Printable(std::string_view text);

}  // namespace accelerd

#endif  // ACCELERD_BASE_PRINTABLE_H_
