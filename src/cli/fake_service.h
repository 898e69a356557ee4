#ifndef ACCELERD_CLI_FAKE_SERVICE_H_
#define ACCELERD_CLI_FAKE_SERVICE_H_

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace accelerd {

/// For tests: a tiny HTTP server on a free port of the loopback, or on a Unix socket; one connection after another, one
/// request each.
class FakeService {
 public:
  struct Request {
    std::string line;  ///< "GET /list HTTP/1.1"
    std::string body;
  };
  struct Response {
    int status = 200;
    std::string body;
  };
  using Handler = std::function<Response(const Request&)>;

  /// `socket_path` empty: TCP.
  explicit FakeService(Handler handler, const std::string& socket_path = "");
  ~FakeService();
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

  const std::string& url() const { return url_; }
  std::vector<Request> requests() const;

 private:
  void Serve();

  Handler handler_;
  std::string url_;
  int listener_ = -1;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace accelerd

#endif  // ACCELERD_CLI_FAKE_SERVICE_H_
