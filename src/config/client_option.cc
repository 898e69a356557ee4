#include "config/client_option.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <set>
#include <vector>

#include "fmt/core.h"

namespace accelerd {
namespace {

using Match = ClientOption::Match;

constexpr double kLeastWeight = 0.01;
constexpr double kMostWeight = 100;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kDefaultPriority = "normal";

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t begin = text.find_first_not_of(' '); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(' ', end);
  }
  return words;
}

/// The text behind `prefix`; nullopt when `word` does not begin with it.
std::optional<std::string_view> After(std::string_view prefix, std::string_view word) {
  return word.starts_with(prefix) ? std::optional(word.substr(prefix.size())) : std::nullopt;
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool SetName(Match match, std::string_view name, ClientOption& option) {
  option.match = match;
  option.name = name;
  return IsName(name);
}

bool SetMatch(std::string_view word, ClientOption& option) {
  if (word == "any" || word == "unix") {
    option.match = word == "any" ? Match::kAny : Match::kUnix;
    return true;
  }
  if (const auto uid = After("uid:", word)) {
    const auto number = ParseNumber<std::uint32_t>(*uid);
    option.match = Match::kUid;
    option.uid = number.value_or(0);
    return number.has_value();
  }
  if (const auto address = After("address:", word)) {
    const auto prefix = IpPrefix::Parse(*address);
    option.match = Match::kAddress;
    option.address = prefix.value_or(IpPrefix());
    return prefix.has_value();
  }
  if (const auto user = After("user:", word)) {
    return SetName(Match::kUser, *user, option);
  }
  if (const auto id = After("id:", word)) {
    return SetName(Match::kId, *id, option);
  }
  return false;
}

bool SetGrant(std::string_view word, ClientOption& option) {
  if (word == "trusted") {
    option.trusted = true;
    return option.match != Match::kId;
  }
  if (word == "as-one") {
    option.as_one = true;
    return option.match != Match::kId;
  }
  if (const auto weight = After("weight=", word)) {
    const auto number = ParseNumber<double>(*weight);
    option.weight = number.value_or(0);
    return option.weight >= kLeastWeight && option.weight <= kMostWeight;
  }
  if (const auto priority = After("priority=", word)) {
    option.priority = *priority;
    return *priority == "realtime" || *priority == "normal" || *priority == "batch";
  }
  return false;
}

std::string FormatMatch(const ClientOption& option) {
  switch (option.match) {
    case Match::kAny:
      return "any";
    case Match::kUnix:
      return "unix";
    case Match::kUid:
      return fmt::format("uid:{}", option.uid);
    case Match::kUser:
      return fmt::format("user:{}", option.name);
    case Match::kAddress:
      return fmt::format("address:{}", option.address.ToString());
    case Match::kId:
      return fmt::format("id:{}", option.name);
  }
  return "";
}

}  // namespace

std::optional<ClientOption> ParseClientOption(std::string_view text) {
  const std::vector<std::string_view> words = Words(text);
  ClientOption option;
  option.priority = kDefaultPriority;
  if (words.empty() || !SetMatch(words.front(), option)) {
    return std::nullopt;
  }
  std::set<std::string_view> kinds;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!SetGrant(words[i], option) || !kinds.insert(words[i].substr(0, words[i].find('='))).second) {
      return std::nullopt;
    }
  }
  return option;
}

std::string FormatClientOption(const ClientOption& option) {
  std::string text = FormatMatch(option);
  if (option.weight != 1) {
    text += fmt::format(" weight={}", option.weight);
  }
  if (option.priority != kDefaultPriority) {
    text += fmt::format(" priority={}", option.priority);
  }
  return text + (option.trusted ? " trusted" : "") + (option.as_one ? " as-one" : "");
}

absl::Status ValidateClientOptions(std::span<const ClientOption> options) {
  std::set<std::string> seen;
  bool any = false;
  const bool trusts = std::any_of(options.begin(), options.end(), [](const auto& option) { return option.trusted; });
  for (const ClientOption& option : options) {
    const std::string match = FormatMatch(option);
    if (!seen.insert(match).second) {
      return absl::InvalidArgumentError(fmt::format("client names {} twice: leave one of them out", match));
    }
    if (option.match == Match::kId && !trusts) {
      return absl::InvalidArgumentError(fmt::format(
          "client names {}, but no client is trusted to name ids: add \"trusted\" to the client that names it, such as "
          "\"unix trusted\"",
          match));
    }
    if (any && option.match != Match::kId) {
      return absl::InvalidArgumentError(
          fmt::format("client names {} after any, which matches every client already: name any last", match));
    }
    any = any || option.match == Match::kAny;
  }
  return absl::OkStatus();
}

}  // namespace accelerd
