#include "config/option_values.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "config/value_parsers.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

constexpr std::string_view kNone = "none";

/// Stores `value` when there is one and it is within the bounds.
template <typename T, typename Parsed>
bool SetWithin(std::optional<Parsed> value, T min, T max, T& member) {
  if (!value || *value < min || *value > max) {
    return false;
  }
  member = static_cast<T>(*value);
  return true;
}

template <typename T>
bool Append(std::optional<T> value, std::vector<T>& member) {
  if (!value) {
    return false;
  }
  member.push_back(*std::move(value));
  return true;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), absl::ascii_tolower);
  return lower;
}

/// Whether `text` may be HOST or HOST:PORT: what else stands in URLs does not stand in it.
bool IsHostAndPort(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, absl::ascii_isgraph) &&
         text.find_first_of("/?#@*,") == std::string_view::npos;
}

}  // namespace

bool TextValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  if (choices.empty()) {
    const bool accepted = may_be_empty || !text.empty();
    if (accepted) {
      options.*member = text;
    }
    return accepted;
  }
  std::string choice = Lower(StripSpaces(text));
  if (const auto alias = std::ranges::find(aliases, choice, &ChoiceAlias::alias); alias != aliases.end()) {
    choice = alias->choice;
  }
  if (std::ranges::find(choices, choice) == choices.end()) {
    return false;
  }
  options.*member = choice;
  return true;
}

std::string TextValue::Accepted() const {
  if (choices.empty()) {
    return may_be_empty ? "a text, which may be empty" : "a text that is not empty";
  }
  return fmt::format("one of {}", fmt::join(choices, ", "));
}

bool CountValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  return SetWithin(ParseInteger(text), min, max, options.*member);
}

std::vector<std::string> CountValue::Get(const ServeOptions& options) const {
  return {fmt::format("{}", options.*member)};
}

std::string CountValue::Accepted() const {
  return fmt::format("a whole number from {} to {}", min, max);
}

bool BytesValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  return SetWithin(ParseBytes(text), min, max, options.*member);
}

std::vector<std::string> BytesValue::Get(const ServeOptions& options) const {
  return {FormatBytes(options.*member)};
}

std::string BytesValue::Accepted() const {
  return fmt::format("a size from {} to {}, such as 32MiB, 64kB or a plain number of bytes", FormatBytes(min),
                     FormatBytes(max));
}

bool DurationValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  return SetWithin(ParseDuration(text), min, max, options.*member);
}

std::vector<std::string> DurationValue::Get(const ServeOptions& options) const {
  return {FormatDuration(options.*member)};
}

std::string DurationValue::Accepted() const {
  return fmt::format("a duration from {} to {}, such as 200ms, 30s, 1m or a plain number of seconds",
                     FormatDuration(min), FormatDuration(max));
}

bool SwitchValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  const std::string lower = Lower(text);
  const bool on = lower == "true" || lower == "1" || lower == "yes" || lower == "on";
  const bool off = lower == "false" || lower == "0" || lower == "no" || lower == "off";
  if (on || off) {
    options.*member = on;
  }
  return on || off;
}

std::vector<std::string> SwitchValue::Get(const ServeOptions& options) const {
  return {options.*member ? "true" : "false"};
}

std::string SwitchValue::Accepted() const {
  return "true or false (as a flag, nothing means true)";
}

bool FileModeValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  return SetWithin(ParseFileMode(text), 0, 0777, options.*member);
}

std::vector<std::string> FileModeValue::Get(const ServeOptions& options) const {
  return {FormatFileMode(options.*member)};
}

std::string FileModeValue::Accepted() const {
  return "permissions in octal from 0000 to 0777, such as 0660 (in a file: \"0660\" or 0o660)";
}

bool FolderValue::Set(std::string_view text, std::string_view base, ServeOptions& options) const {
  if (may_be_none && Lower(StripSpaces(text)) == kNone) {
    (options.*member).clear();
    return true;
  }
  const auto path = ParsePath(text, base);
  if (path) {
    options.*member = *path;
  }
  return path.has_value();
}

std::vector<std::string> FolderValue::Get(const ServeOptions& options) const {
  return {(options.*member).empty() ? std::string(kNone) : options.*member};
}

std::string FolderValue::Accepted() const {
  return may_be_none ? "a folder, or \"none\"" : "a folder";
}

bool AddressListValue::Set(std::string_view text, std::string_view base, ServeOptions& options) const {
  return Append(ParseListenText(text, base), options.*member);
}

std::string AddressListValue::Accepted() const {
  return "HOST:PORT, [IPV6]:PORT (port 0 to 65535; 0.0.0.0 and [::] are all addresses) or unix:PATH (absolute at most "
         "107 bytes)";
}

bool NameListValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  const bool named = !text.empty() && text.find('/') == std::string_view::npos;
  return Append(named ? std::optional<std::string>(text) : std::nullopt, options.*member);
}

std::string NameListValue::Accepted() const {
  return "names of models, or \"all\" or \"none\"";
}

bool FolderListValue::Set(std::string_view text, std::string_view base, ServeOptions& options) const {
  return Append(ParsePath(text, base), options.*member);
}

std::string FolderListValue::Accepted() const {
  return "folders";
}

bool ClientListValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  return Append(ParseClientOption(text), options.*member);
}

std::vector<std::string> ClientListValue::Get(const ServeOptions& options) const {
  std::vector<std::string> texts;
  for (const ClientOption& client : options.*member) {
    texts.push_back(FormatClientOption(client));
  }
  return texts;
}

std::string ClientListValue::Accepted() const {
  return "a client (any, unix, uid:NUMBER, user:NAME, address:IP or address:IP/BITS, id:NAME) and, after spaces, what "
         "it is granted: weight=0.01 to 100, priority=realtime, normal or batch, trusted, as-one (neither for an id)";
}

bool OriginListValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  const std::size_t scheme = text.find("://");
  const bool origin = scheme != 0 && scheme != std::string_view::npos && IsHostAndPort(text.substr(scheme + 3));
  return Append(origin || text == "*" ? std::optional(Lower(text)) : std::nullopt, options.*member);
}

std::string OriginListValue::Accepted() const {
  return "SCHEME://HOST or SCHEME://HOST:PORT, without a path; or *";
}

bool HostListValue::Set(std::string_view text, std::string_view /*base*/, ServeOptions& options) const {
  const bool name = IsHostAndPort(text) && text.find(':') == std::string_view::npos;
  return Append(name || text == "*" ? std::optional(Lower(text)) : std::nullopt, options.*member);
}

std::string HostListValue::Accepted() const {
  return "names of hosts without a port; or *";
}

}  // namespace accelerd
