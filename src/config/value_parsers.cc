#include "config/value_parsers.h"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "fmt/core.h"

namespace accelerd {
namespace {

struct TimeUnit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<TimeUnit, 4> kTimeUnits = {{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr double kMaxMilliseconds = 3.6e9;

struct ByteUnit {
  std::string_view name;
  std::uint64_t bytes;
};
// In the order in which FormatBytes tries them.
constexpr std::array<ByteUnit, 7> kByteUnits = {{{"GiB", 1ULL << 30},
                                                 {"MiB", 1ULL << 20},
                                                 {"KiB", 1ULL << 10},
                                                 {"GB", 1'000'000'000},
                                                 {"MB", 1'000'000},
                                                 {"kB", 1000},
                                                 {"B", 1}}};

/// All of `text` as a number of type T, from its first character on.
template <typename T, typename... Format>
std::optional<T> ParseAll(std::string_view text, Format... format) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, format...);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// Splits "30s" into "30" and "s".
std::pair<std::string_view, std::string_view> SplitUnit(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  return {text.substr(0, digits), text.substr(digits)};
}

bool ValidPort(std::string_view text) {
  const auto port = ParseAll<std::uint16_t>(text);
  return port.has_value() && text.size() <= 5;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  return ParseAll<std::int64_t>(StripSpaces(text));
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto [number, unit] = SplitUnit(StripSpaces(text));
  const auto value = ParseAll<double>(number, std::chars_format::fixed);
  const std::string_view name = unit.empty() ? "s" : unit;
  const auto* found = std::find_if(kTimeUnits.begin(), kTimeUnits.end(),
                                   [name = name](const TimeUnit& candidate) { return candidate.name == name; });
  if (!value || found == kTimeUnits.end()) {
    return std::nullopt;
  }
  const double milliseconds = std::round(*value * static_cast<double>(found->milliseconds));
  if (milliseconds > kMaxMilliseconds) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  const std::int64_t count = duration.count();
  for (const TimeUnit& unit : kTimeUnits) {
    if (count != 0 && count % unit.milliseconds == 0) {
      return fmt::format("{}{}", count / unit.milliseconds, unit.name);
    }
  }
  return "0s";
}

std::optional<std::uint64_t> ParseBytes(std::string_view text) {
  const auto [number, unit] = SplitUnit(StripSpaces(text));
  const auto value = ParseAll<std::uint64_t>(number);
  const std::string_view name = unit.empty() ? "B" : unit;
  const auto* found = std::find_if(kByteUnits.begin(), kByteUnits.end(),
                                   [name = name](const ByteUnit& candidate) { return candidate.name == name; });
  if (!value || found == kByteUnits.end() || *value > std::numeric_limits<std::uint64_t>::max() / found->bytes) {
    return std::nullopt;
  }
  return *value * found->bytes;
}

std::string FormatBytes(std::uint64_t bytes) {
  for (const ByteUnit& unit : kByteUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0) {
      return fmt::format("{}{}", bytes / unit.bytes, unit.name);
    }
  }
  return "0B";
}

std::optional<int> ParseFileMode(std::string_view text) {
  if (text.starts_with("0o")) {
    text.remove_prefix(2);
  }
  const auto mode = ParseAll<int>(text, 8);
  if (!mode || *mode < 0 || *mode > 0777) {
    return std::nullopt;
  }
  return mode;
}

std::string FormatFileMode(int mode) {
  return fmt::format("{:04o}", mode);
}

std::optional<std::string> ParsePath(std::string_view text, std::string_view base) {
  if (text.empty() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string joined = text.starts_with('/') ? std::string(text) : fmt::format("{}/{}", base, text);
  std::string path;
  for (std::size_t begin = 0; begin < joined.size();) {
    const std::size_t end = std::min(joined.find('/', begin), joined.size());
    const std::string_view component = std::string_view(joined).substr(begin, end - begin);
    if (!component.empty() && component != ".") {
      path.append("/").append(component);
    }
    begin = end + 1;
  }
  return path.empty() ? "/" : path;
}

std::optional<std::string> ParseListenText(std::string_view text, std::string_view base) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    const auto path = ParsePath(text.substr(kUnix.size()), base);
    if (!path || path->size() >= sizeof(sockaddr_un::sun_path)) {
      return std::nullopt;
    }
    return fmt::format("{}{}", kUnix, *path);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !ValidPort(text.substr(colon + 1))) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (host.empty() || bracketed != has_colon || host.find_first_of("[]/ ") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(text);
}

std::string_view StripSpaces(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(StripSpaces(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

std::optional<std::string> ClosestName(std::string_view name, const std::vector<std::string>& candidates) {
  std::optional<std::string> closest;
  std::size_t least = std::max<std::size_t>(name.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(name, candidate);
    if (distance < least) {
      least = distance;
      closest = candidate;
    }
  }
  return closest;
}

}  // namespace accelerd
