#include "frontend/http/response_head.h"

#include <array>
#include <iterator>
#include <string_view>

#include "fmt/format.h"

namespace accelerd {
namespace {

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

/// IMF-fixdate (RFC 9110, 5.6.7); strftime would follow the locale.
void AppendDate(fmt::memory_buffer& text, std::time_t now) {
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm time{};
  gmtime_r(&now, &time);
  fmt::format_to(std::back_inserter(text), "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                 kDays[static_cast<std::size_t>(time.tm_wday)], time.tm_mday,
                 kMonths[static_cast<std::size_t>(time.tm_mon)], time.tm_year + 1900, time.tm_hour, time.tm_min,
                 time.tm_sec);
}

}  // namespace

std::string FormatResponseHead(const HttpResponse& response, int version, bool keep_alive, std::time_t now,
                               std::string_view lines) {
  fmt::memory_buffer text;
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\nDate: ", response.status, Reason(response.status));
  AppendDate(text, now);
  fmt::format_to(out, "\r\nServer: accelerd\r\n");
  // An answer without content has no length either (RFC 9110, 8.6).
  if (response.status != 204) {
    fmt::format_to(out, "Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type, response.body_size());
  }
  if (!keep_alive) {
    fmt::format_to(out, "Connection: close\r\n");
  } else if (version < 11) {
    fmt::format_to(out, "Connection: keep-alive\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    fmt::format_to(out, "{}: {}\r\n", name, value);
  }
  fmt::format_to(out, "{}\r\n", lines);
  return fmt::to_string(text);
}

}  // namespace accelerd
