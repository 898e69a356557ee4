#include "cli/http_client.h"

#include <curl/curl.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <utility>

#include "cli/connect_error.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxBodyBytes = std::size_t{1} << 30;
constexpr long kConnectTimeoutMs = 5000;

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct MimeFree {
  void operator()(curl_mime* mime) const { curl_mime_free(mime); }
};

std::size_t AppendBody(char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  const std::size_t bytes = size * count;
  if (bytes > kMaxBodyBytes - body.size()) {
    return 0;  // libcurl ends the transfer.
  }
  body.append(data, bytes);
  return bytes;
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(std::string base, std::string socket_path, std::chrono::milliseconds timeout)
      : base_(std::move(base)), socket_path_(std::move(socket_path)), timeout_(timeout) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)initialised;
    easy_.reset(curl_easy_init());
  }

  CURL* easy() const { return easy_.get(); }

  /// Forgets the last call, but not the connection.
  void Prepare(const std::string& target) {
    curl_easy_reset(easy());
    response_ = {};
    Set(CURLOPT_URL, (base_ + target).c_str());
    if (!socket_path_.empty()) {
      Set(CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
    }
    Set(CURLOPT_PROTOCOLS_STR, "http");
    Set(CURLOPT_NOPROXY, "*");
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_.count()));
    Set(CURLOPT_WRITEFUNCTION, &AppendBody);
    Set(CURLOPT_WRITEDATA, &response_.body);
    Set(CURLOPT_ERRORBUFFER, error_.data());
    error_[0] = '\0';
  }

  /// Adds the request's own headers; "Expect:" keeps libcurl from waiting for a 100 that simple servers never send.
  void SetHeaders(const char* content_type) {
    headers_.reset(curl_slist_append(nullptr, "Expect:"));
    if (content_type != nullptr) {
      curl_slist_append(headers_.get(), content_type);
    }
    Set(CURLOPT_HTTPHEADER, headers_.get());
  }

  template <typename T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(easy(), option, value);
  }

  absl::StatusOr<HttpAnswer> Perform() {
    const CURLcode code = curl_easy_perform(easy());
    if (code != CURLE_OK) {
      return Failure(code);
    }
    curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &response_.status);
    return std::move(response_);
  }

 private:
  absl::Status Failure(CURLcode code) const {
    const std::string reason = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
    curl_off_t connect_time = 0;
    curl_easy_getinfo(easy(), CURLINFO_CONNECT_TIME_T, &connect_time);
    const bool timed_out = code == CURLE_OPERATION_TIMEDOUT;
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || (timed_out && connect_time == 0)) {
      return NotConnected(code, reason);
    }
    if (timed_out) {
      return absl::DeadlineExceededError(fmt::format("no answer in time: {}; --timeout gives more", reason));
    }
    if (code == CURLE_WRITE_ERROR) {
      return absl::UnknownError(fmt::format("the answer is larger than {} bytes", kMaxBodyBytes));
    }
    return absl::UnknownError(fmt::format("the connection failed: {}", reason));
  }

  /// In the system's own words where it has some: libcurl's speak of a host and a port for Unix sockets too.
  absl::Status NotConnected(CURLcode code, const std::string& otherwise) const {
    long error = 0;
    curl_easy_getinfo(easy(), CURLINFO_OS_ERRNO, &error);
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return ConnectError(socket_path_, ETIMEDOUT);
    }
    if (code == CURLE_COULDNT_CONNECT && error != 0) {
      return ConnectError(socket_path_, static_cast<int>(error));
    }
    return absl::UnavailableError(fmt::format("{}. Say where the service is with --url or ACCELERD_URL", otherwise));
  }

  std::string base_;
  std::string socket_path_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<CURL, EasyCleanup> easy_;
  std::unique_ptr<curl_slist, ListFree> headers_;
  HttpAnswer response_;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&& other) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&& other) noexcept = default;

absl::StatusOr<HttpClient> HttpClient::Create(std::string_view url, std::chrono::milliseconds timeout) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kUnix = "unix:";
  std::string base = "http://localhost";
  std::string socket_path;
  if (url.starts_with(kUnix) && url.size() > kUnix.size()) {
    socket_path = url.substr(kUnix.size());
  } else if (url.starts_with(kHttp) && url.size() > kHttp.size()) {
    while (url.ends_with('/')) {
      url.remove_suffix(1);
    }
    base = url;
  } else {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no URL of a service: give http://HOST:PORT or unix:PATH", url));
  }
  auto impl = std::make_unique<Impl>(std::move(base), std::move(socket_path), timeout);
  if (impl->easy() == nullptr) {
    return absl::InternalError("libcurl cannot be initialised");
  }
  return HttpClient(std::move(impl));
}

absl::StatusOr<HttpAnswer> HttpClient::Get(const std::string& target) {
  impl_->Prepare(target);
  return impl_->Perform();
}

absl::StatusOr<HttpAnswer> HttpClient::PostJson(const std::string& target, const std::string& json) {
  impl_->Prepare(target);
  impl_->SetHeaders("Content-Type: application/json");
  impl_->Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
  impl_->Set(CURLOPT_POSTFIELDS, json.c_str());
  return impl_->Perform();
}

absl::StatusOr<HttpAnswer> HttpClient::PostFile(const std::string& target, std::string_view bytes,
                                                const std::string& file_name) {
  impl_->Prepare(target);
  impl_->SetHeaders(nullptr);
  const std::unique_ptr<curl_mime, MimeFree> form(curl_mime_init(impl_->easy()));
  curl_mimepart* part = curl_mime_addpart(form.get());
  curl_mime_name(part, "file");
  curl_mime_filename(part, file_name.c_str());
  curl_mime_type(part, "application/octet-stream");
  curl_mime_data(part, bytes.data(), bytes.size());
  impl_->Set(CURLOPT_MIMEPOST, form.get());
  auto response = impl_->Perform();
  curl_easy_reset(impl_->easy());  // The form ends before the handle does.
  return response;
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte < 0x80 && (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos);
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

}  // namespace accelerd
