#ifndef ACCELERD_CONFIG_VALUE_PARSERS_H_
#define ACCELERD_CONFIG_VALUE_PARSERS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Texts of flags, variables and configuration files to values, and back. A parser returns nullopt for what it does
/// not accept; nothing depends on the locale.

namespace accelerd {

/// A whole number in decimal: "42", "-1".
std::optional<std::int64_t> ParseInteger(std::string_view text);

/// "200ms", "1.5s", "2m", "1h"; a plain number is seconds. Rounded to whole milliseconds, at most 1000 hours.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// The shortest exact text that ParseDuration reads back, with a unit.
std::string FormatDuration(std::chrono::milliseconds duration);

/// "32MiB" (KiB, MiB, GiB: powers of 1024), "64kB" (kB, MB, GB: powers of 1000), "512B"; a plain number is bytes.
std::optional<std::uint64_t> ParseBytes(std::string_view text);

/// In the largest unit that is exact; ParseBytes reads it back.
std::string FormatBytes(std::uint64_t bytes);

/// Permissions in octal, 0 to 0777: "0660", "660", "0o660".
std::optional<int> ParseFileMode(std::string_view text);

/// "0660".
std::string FormatFileMode(int mode);

/// `text` as an absolute path; a relative one starts at `base`. "." and empty components are dropped, ".." stays:
/// behind a symbolic link it is not the folder before it. nullopt: empty, or with a NUL.
std::optional<std::string> ParsePath(std::string_view text, std::string_view base);

/// "HOST:PORT", "[IPV6]:PORT" or "unix:PATH", PATH as by ParsePath and no longer than a socket's name can be. A name
/// for HOST is not looked up.
std::optional<std::string> ParseListenText(std::string_view text, std::string_view base);

/// Returns `text` without the white space at its ends.
std::string_view StripSpaces(std::string_view text);

/// Returns the parts of `text` between commas, without white space around them. Returns none if `text` is empty.
std::vector<std::string> SplitList(std::string_view text);

/// The candidate that `name` was probably meant to be, or nothing.
std::optional<std::string> ClosestName(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_VALUE_PARSERS_H_
