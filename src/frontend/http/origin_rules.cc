#include "frontend/http/origin_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), absl::ascii_tolower);
  return lower;
}

bool Holds(const std::vector<std::string>& allowed, std::string_view value) {
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& one) { return one == "*" || one == value; });
}

/// "robot" of "robot:5001", "::1" of "[::1]:5001".
std::string_view WithoutPort(std::string_view host) {
  if (host.starts_with('[')) {
    return host.substr(1, host.find(']') - 1);
  }
  return host.substr(0, host.find(':'));
}

bool IsIpLiteral(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

/// Whether a Host is a name of this service. No name service can make up an IP address, and none is asked for localhost
/// and the names below it (RFC 6761, 6.3), which every machine resolves itself. Names that end in .local can be claimed
/// by any machine of the network (RFC 6762), so they are names of this service only if the operator says so. Browsers
/// always send a Host; other clients may leave it empty.
bool IsOwnHost(std::string_view host, const OriginRules& rules) {
  std::string name = Lower(WithoutPort(host));
  if (name.ends_with('.')) {
    name.pop_back();  // The root of the domain name system, which may be written or not.
  }
  return name.empty() || name == "localhost" || name.ends_with(".localhost") || name == "ip6-localhost" ||
         name == "ip6-loopback" || IsIpLiteral(name) || Holds(rules.hosts, name);
}

/// Whether a page of `origin` may, given the Host that the request is for: a page of the service itself may.
bool MayUse(const std::string& origin, const std::string* host, const OriginRules& rules) {
  const std::string lower = Lower(origin);
  const std::size_t scheme = lower.find("://");
  const bool own = host != nullptr && scheme != std::string::npos && lower.substr(scheme + 3) == Lower(*host);
  return own || Holds(rules.origins, lower);
}

HttpResponse Preflight(const RequestHead& head) {
  HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST"},
                      {"Access-Control-Allow-Headers", "Content-Type, X-Client-Id, X-Priority, X-Stream, X-Timeout-Ms"},
                      {"Access-Control-Max-Age", "600"}};
  if (head.find("access-control-request-private-network") != nullptr) {
    response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  }
  return response;
}

}  // namespace

std::optional<HttpResponse> AnswerByOrigin(const RequestHead& head, const OriginRules& rules, bool at_loopback) {
  const std::string* host = head.find("host");
  if (at_loopback && host != nullptr && !IsOwnHost(*host, rules)) {
    return ErrorResponse(
        403, fmt::format("\"{}\" is no name of this service; if it is, say so by --allow-host", WithoutPort(*host)));
  }
  for (const auto& [name, value] : head.headers) {
    if (name == "origin" && !MayUse(value, host, rules)) {
      return ErrorResponse(
          403, fmt::format("web pages of \"{}\" may not use this service; --allow-origin lets them", value));
    }
  }
  if (head.method == "OPTIONS" && head.find("origin") != nullptr &&
      head.find("access-control-request-method") != nullptr) {
    return Preflight(head);
  }
  return std::nullopt;
}

std::string OriginHeaders(const RequestHead& head, const OriginRules& rules) {
  const std::string* origin = head.find("origin");
  if (origin == nullptr || !MayUse(*origin, head.find("host"), rules)) {
    return "";
  }
  // Of the headers that answers have, those that a page may not read anyway (Fetch Standard, 2.2.2).
  return fmt::format(
      "Access-Control-Allow-Origin: {}\r\nAccess-Control-Expose-Headers: Allow, Retry-After, X-Image-Warning\r\nVary: "
      "Origin\r\n",
      *origin);
}

bool IsLoopback(std::string_view address) {
  return address.starts_with("unix:") || address.starts_with("127.") || address.starts_with("[::1]:");
}

}  // namespace accelerd
