// A cheap HTTP client: sends one request over and over on some connections, which are kept where the service keeps
// them, and compares every answer's body.
//
//   load_client ADDRESS REQUEST ANSWER CONNECTIONS SECONDS
//
// ADDRESS is IPV4:PORT or unix:PATH, REQUEST a file with a whole HTTP/1.1 request, ANSWER a file with the body that
// every answer must have, byte for byte. Prints a line of JSON as measurement.h describes it.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "measurement.h"

namespace accelerd::benchmark {
namespace {

[[noreturn]] void Fail(std::string_view what) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

int ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    throw std::runtime_error("the socket's path is too long");
  }
  path.copy(address.sun_path, path.size());
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    Fail(path);
  }
  return descriptor;
}

int ConnectTcp(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error(fmt::format("{} is no IPV4:PORT", text));
  }
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    Fail(text);
  }
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return descriptor;
}

int Connect(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  return address.starts_with(kUnix) ? ConnectUnix(address.substr(kUnix.size())) : ConnectTcp(address);
}

/// One connection at a time, and the buffer of its answers.
class Connection {
 public:
  Connection(std::string address, const std::string& request, const std::string& answer)
      : address_(std::move(address)), request_(request), answer_(answer), buffer_(answer.size() + kMaxHeader) {}
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Throws when the answer is not a 200 with the expected body.
  void Call() {
    if (descriptor_ < 0) {
      descriptor_ = Connect(address_);
    }
    Send();
    const std::size_t header = ReceiveHeader();
    const std::string text = Lower({buffer_.data(), header});
    if (!text.starts_with("http/1.1 200 ") || ContentLength(text) != answer_.size()) {
      throw std::runtime_error(fmt::format("another answer than expected: {}", text));
    }
    while (received_ < header + answer_.size()) {
      Receive();
    }
    if (std::memcmp(buffer_.data() + header, answer_.data(), answer_.size()) != 0) {
      throw std::runtime_error("the body of an answer is wrong");
    }
    if (text.find("\r\nconnection: close\r\n") != std::string::npos) {
      Close();
    }
  }

 private:
  static constexpr std::size_t kMaxHeader = 16 << 10;

  void Send() {
    for (std::size_t sent = 0; sent < request_.size();) {
      const ssize_t bytes = send(descriptor_, request_.data() + sent, request_.size() - sent, MSG_NOSIGNAL);
      if (bytes < 0) {
        Fail("send");
      }
      sent += static_cast<std::size_t>(bytes);
    }
    received_ = 0;
  }

  void Receive() {
    const ssize_t bytes = recv(descriptor_, buffer_.data() + received_, buffer_.size() - received_, 0);
    if (bytes <= 0) {
      Fail("the connection ended");
    }
    received_ += static_cast<std::size_t>(bytes);
  }

  /// The header's length, the empty line included; what follows is in the buffer as far as it came.
  std::size_t ReceiveHeader() {
    for (;;) {
      Receive();
      const std::size_t end = std::string_view(buffer_.data(), std::min(received_, kMaxHeader)).find("\r\n\r\n");
      if (end != std::string_view::npos) {
        return end + 4;
      }
    }
  }

  void Close() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
    descriptor_ = -1;
  }

  static std::string Lower(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return lower;
  }

  /// REQUIRES: `header` in lower case.
  static std::size_t ContentLength(const std::string& header) {
    constexpr std::string_view kName = "\r\ncontent-length:";
    const std::size_t begin = header.find(kName);
    return begin == std::string::npos ? 0 : std::stoul(header.substr(begin + kName.size()));
  }

  const std::string address_;
  const std::string& request_;
  const std::string& answer_;
  int descriptor_ = -1;
  std::vector<char> buffer_;
  std::size_t received_ = 0;
};

int Main(const std::vector<std::string>& args) {
  if (args.size() != 5) {
    fmt::print(stderr, "usage: load_client ADDRESS REQUEST ANSWER CONNECTIONS SECONDS\n");
    return 2;
  }
  const std::string request = ReadFile(args[1]);
  const std::string answer = ReadFile(args[2]);
  std::vector<std::function<void()>> steps;
  for (int i = 0; i < std::stoi(args[3]); ++i) {
    steps.emplace_back([connection = std::make_shared<Connection>(args[0], request, answer)] { connection->Call(); });
  }
  Measure(std::move(steps), std::stod(args[4]));
  return 0;
}

}  // namespace
}  // namespace accelerd::benchmark

int main(int argc, char** argv) {
  try {
    return accelerd::benchmark::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "load_client: {}\n", error.what());
    return 1;
  }
}
