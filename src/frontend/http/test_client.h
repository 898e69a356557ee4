#ifndef ACCELERD_FRONTEND_HTTP_TEST_CLIENT_H_
#define ACCELERD_FRONTEND_HTTP_TEST_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "frontend/http/listener.h"

namespace accelerd {

/// A blocking HTTP client for tests, over a plain socket: it can send what no proper client sends. It waits for 30 s at
/// most, then the operation fails.
class TestClient {
 public:
  struct Response {
    int status = 0;  ///< 0: the connection ended first.
    std::map<std::string, std::string> headers;
    std::string body;
  };

  /// Connects to an address as HttpServer::addresses() writes it; see connected().
  explicit TestClient(const std::string& address);

  bool connected() const { return socket_.valid(); }
  /// false: the server does not take it.
  bool Send(std::string_view text);
  /// The next answer. `head`: it was asked for by HEAD and has no body.
  Response Read(bool head = false);
  Response Ask(std::string_view request);
  /// Whether the server ends the connection, without further bytes.
  bool AtEnd();
  /// Reads little by little, a piece of 64 KiB each `pause`, until the connection ends; the number of bytes.
  std::size_t Trickle(std::chrono::milliseconds pause);
  void ShutdownSend();
  void Close() { socket_ = UniqueFd(); }
  /// Breaks the connection off, as a TCP reset.
  void Reset();

 private:
  bool ReadMore();

  UniqueFd socket_;
  std::string input_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_TEST_CLIENT_H_
