#include "frontend/http/router.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::string* FindValue(const Pairs& pairs, std::string_view name) {
  const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == name; });
  return found == pairs.end() ? nullptr : &found->second;
}

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  if (digit >= 'a' && digit <= 'f') {
    return digit - 'a' + 10;
  }
  return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find(separator, start);
    pieces.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) {
      return pieces;
    }
    start = end + 1;
  }
}

/// Returns the decoded segments of "/a/b". Several slashes count as one, and slashes at the end do not count.
std::optional<std::vector<std::string>> Segments(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return std::nullopt;
  }
  std::vector<std::string> segments;
  for (const std::string_view piece : Split(path, '/')) {
    if (piece.empty()) {
      continue;
    }
    auto segment = PercentDecode(piece, /*plus_is_space=*/false);
    if (!segment) {
      return std::nullopt;
    }
    segments.push_back(*std::move(segment));
  }
  return segments;
}

std::optional<Pairs> ParseQuery(std::string_view query) {
  Pairs pairs;
  if (query.empty()) {
    return pairs;
  }
  for (const std::string_view piece : Split(query, '&')) {
    const std::size_t equals = std::min(piece.find('='), piece.size());
    auto name = PercentDecode(piece.substr(0, equals), /*plus_is_space=*/true);
    auto value = PercentDecode(piece.substr(std::min(equals + 1, piece.size())), /*plus_is_space=*/true);
    if (!name || !value) {
      return std::nullopt;
    }
    pairs.emplace_back(*std::move(name), *std::move(value));
  }
  return pairs;
}

/// Returns `target` without the scheme and authority of the absolute form, which proxies send (RFC 9112, 3.2.2).
std::string OriginForm(std::string_view target) {
  const std::size_t scheme = target.find("://");
  const std::string scheme_name(target.substr(0, scheme));
  if (scheme == std::string_view::npos ||
      (!absl::EqualsIgnoreCase(scheme_name, "http") && !absl::EqualsIgnoreCase(scheme_name, "https"))) {
    return std::string(target);
  }
  const std::size_t path = std::min(target.find_first_of("/?", scheme + 3), target.size());
  const std::string_view rest = target.substr(path);
  return fmt::format("{}{}", rest.starts_with('/') ? "" : "/", rest);
}

/// Appends the methods that a route of `method` serves.
void AddMethods(std::string_view method, std::vector<std::string_view>& methods) {
  for (const std::string_view served : {method, std::string_view(method == "GET" ? "HEAD" : method)}) {
    if (std::find(methods.begin(), methods.end(), served) == methods.end()) {
      methods.push_back(served);
    }
  }
}

/// Answers a request of another method than the URL's `methods`. OPTIONS asks for them.
HttpResponse AnswerMethods(std::string_view method, const std::vector<std::string_view>& methods) {
  HttpResponse response;
  if (method == "OPTIONS") {
    response.status = 204;
  } else {
    response = ErrorResponse(405, fmt::format("method not allowed here; use {}", fmt::join(methods, ", ")));
  }
  response.headers.emplace_back("Allow", fmt::format("{}, OPTIONS", fmt::join(methods, ", ")));
  return response;
}

bool Matches(const std::vector<std::string>& pattern, const std::vector<std::string>& segments) {
  return std::equal(
      pattern.begin(), pattern.end(), segments.begin(), segments.end(),
      [](const std::string& expected, const std::string& segment) { return expected == "{}" || expected == segment; });
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
  return FindValue(headers, name);
}

const std::string* HttpRequest::query_value(std::string_view name) const {
  return FindValue(query, name);
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char character = text[i];
    if (character == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return std::nullopt;
      }
      character = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (character == '+' && plus_is_space) {
      character = ' ';
    }
    if (character == '\0') {
      return std::nullopt;
    }
    decoded.push_back(character);
  }
  return decoded;
}

void Router::Add(Route route) {
  std::vector<std::string> segments;
  for (const std::string_view piece : Split(route.pattern, '/')) {
    if (!piece.empty()) {
      segments.emplace_back(piece);
    }
  }
  entries_.push_back({std::move(route), std::move(segments)});
}

std::optional<HttpResponse> Router::JudgeForm(std::string_view method, std::string_view target) const {
  if (method == "CONNECT") {
    return ErrorResponse(501, "CONNECT is for proxies, and this is none; send the request itself");
  }
  if (target.starts_with('/')) {
    return std::nullopt;
  }
  if (target != "*" || method != "OPTIONS") {
    return ErrorResponse(400, "malformed URL: it begins with '/' or http://");
  }
  std::vector<std::string_view> methods;
  for (const Entry& entry : entries_) {
    AddMethods(entry.route.method, methods);
  }
  return AnswerMethods(method, methods);
}

Router::Match Router::Find(std::string_view method, std::string_view request_target) const {
  Match match;
  const std::string origin_form = OriginForm(request_target);
  const std::string_view target = origin_form;
  if (auto refusal = JudgeForm(method, target)) {
    match.error = *std::move(refusal);
    return match;
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  auto segments = Segments(target.substr(0, question));
  auto query = ParseQuery(target.substr(std::min(question + 1, target.size())));
  if (!segments || !query) {
    match.error = ErrorResponse(400, "malformed URL: each % needs two hex digits, and none may stand for NUL");
    return match;
  }
  match.query = *std::move(query);

  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::vector<std::string_view> methods;
  for (const Entry& entry : entries_) {
    if (!Matches(entry.segments, *segments)) {
      continue;
    }
    if (entry.route.method == wanted) {
      match.route = &entry.route;
      for (std::size_t i = 0; i < entry.segments.size(); ++i) {
        if (entry.segments[i] == "{}") {
          match.parameters.push_back(std::move((*segments)[i]));
        }
      }
      return match;
    }
    AddMethods(entry.route.method, methods);
  }
  match.error = methods.empty() ? ErrorResponse(404, "no such URL") : AnswerMethods(method, methods);
  return match;
}

}  // namespace accelerd
