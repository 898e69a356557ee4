#ifndef ACCELERD_CLI_HTTP_CLIENT_H_
#define ACCELERD_CLI_HTTP_CLIENT_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace accelerd {

struct HttpAnswer {
  long status = 0;
  std::string body;  ///< At most 1 GiB.
};

/// HTTP/1.1 to one service, with a connection that is kept between calls. No proxies, no redirects. A call waits for
/// its answer; kUnavailable: the service cannot be reached, with what to do about it; kDeadlineExceeded: no complete
/// answer within the time-out; kUnknown: the connection broke. Not thread-safe.
class HttpClient {
 public:
  /// `url` is "http://HOST[:PORT]" or "unix:PATH"; `timeout` is for each call, 0: none. kInvalidArgument: another URL.
  static absl::StatusOr<HttpClient> Create(std::string_view url, std::chrono::milliseconds timeout);
  ~HttpClient();
  HttpClient(HttpClient&& other) noexcept;
  HttpClient& operator=(HttpClient&& other) noexcept;

  /// `target` begins with '/' and is percent-encoded where needed.
  absl::StatusOr<HttpAnswer> Get(const std::string& target);
  absl::StatusOr<HttpAnswer> PostJson(const std::string& target, const std::string& json);
  /// As multipart/form-data with `bytes` in the field `file`.
  absl::StatusOr<HttpAnswer> PostFile(const std::string& target, std::string_view bytes, const std::string& file_name);

 private:
  class Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// `text` for one segment of a URL's path, or for a value of its query.
std::string PercentEncode(std::string_view text);

}  // namespace accelerd

#endif  // ACCELERD_CLI_HTTP_CLIENT_H_
