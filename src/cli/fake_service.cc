#include "cli/fake_service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "fmt/core.h"

namespace accelerd {
namespace {

void Require(bool condition, const char* what) {
  if (!condition) {
    throw std::runtime_error(fmt::format("{}: {}", what, std::generic_category().message(errno)));
  }
}

int ListenOnUnixSocket(const std::string& path) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Require(listener >= 0, "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Require(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "bind");
  Require(listen(listener, 16) == 0, "listen");
  return listener;
}

/// Also tells the port.
int ListenOnLoopback(int& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Require(listener >= 0, "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  Require(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "bind");
  Require(listen(listener, 16) == 0, "listen");
  Require(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  port = ntohs(address.sin_port);
  return listener;
}

/// Reads one request with a Content-Length, or without a body; false when the client leaves.
bool ReadRequest(int connection, FakeService::Request& request) {
  std::string bytes;
  std::array<char, 65536> part{};
  std::size_t end = std::string::npos;
  std::size_t wanted = 0;
  while (end == std::string::npos || bytes.size() < wanted) {
    const ssize_t count = recv(connection, part.data(), part.size(), 0);
    if (count <= 0) {
      return false;
    }
    bytes.append(part.data(), static_cast<std::size_t>(count));
    end = bytes.find("\r\n\r\n");
    const std::size_t length = bytes.find("Content-Length: ");
    wanted = end == std::string::npos ? 0 : end + 4;
    if (length < end) {
      wanted += std::stoul(bytes.substr(length + 16));
    }
  }
  request.line = bytes.substr(0, bytes.find("\r\n"));
  request.body = bytes.substr(end + 4);
  return true;
}

}  // namespace

FakeService::FakeService(Handler handler, const std::string& socket_path) : handler_(std::move(handler)) {
  if (socket_path.empty()) {
    int port = 0;
    listener_ = ListenOnLoopback(port);
    url_ = fmt::format("http://127.0.0.1:{}", port);
  } else {
    listener_ = ListenOnUnixSocket(socket_path);
    url_ = "unix:" + socket_path;
  }
  thread_ = std::thread([this] { Serve(); });
}

FakeService::~FakeService() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

std::vector<FakeService::Request> FakeService::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void FakeService::Serve() {
  for (int connection = -1; (connection = accept(listener_, nullptr, nullptr)) >= 0; close(connection)) {
    Request request;
    if (!ReadRequest(connection, request)) {
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const Response response = handler_(request);
    const std::string bytes = fmt::format("HTTP/1.1 {} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                                          response.status, response.body.size(), response.body);
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) {
        break;
      }
      sent += static_cast<std::size_t>(count);
    }
  }
}

}  // namespace accelerd
