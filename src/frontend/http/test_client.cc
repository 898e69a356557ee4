#include "frontend/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>
#include <utility>

namespace accelerd {
namespace {

UniqueFd Connect(const std::string& address) {
  UniqueFd socket;
  int result = -1;
  if (address.starts_with("unix:")) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    address.copy(to.sun_path, sizeof(to.sun_path) - 1, 5);
    socket = UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0));
    result = connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
  } else if (address.starts_with('[')) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = in6addr_loopback;
    to.sin6_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
    socket = UniqueFd(::socket(AF_INET6, SOCK_STREAM, 0));
    result = connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    if (inet_pton(AF_INET, address.substr(0, address.find(':')).c_str(), &to.sin_addr) != 1) {
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
    socket = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    result = connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
  }
  return result == 0 ? std::move(socket) : UniqueFd();
}

}  // namespace

TestClient::TestClient(const std::string& address) : socket_(Connect(address)) {
  const timeval limit{30, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

bool TestClient::Send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool TestClient::ReadMore() {
  std::array<char, 65536> buffer{};
  const ssize_t received = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (received <= 0) {
    return false;
  }
  input_.append(buffer.data(), static_cast<std::size_t>(received));
  return true;
}

TestClient::Response TestClient::Read(bool head) {
  std::size_t end = 0;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) {
      return {};
    }
  }
  Response response;
  response.status = std::atoi(input_.c_str() + 9);
  for (std::size_t line = input_.find("\r\n") + 2; line < end;) {
    const std::size_t colon = input_.find(':', line);
    const std::size_t line_end = input_.find("\r\n", line);
    response.headers[input_.substr(line, colon - line)] = input_.substr(colon + 2, line_end - colon - 2);
    line = line_end + 2;
  }
  input_.erase(0, end + 4);
  const std::size_t length =
      head ? 0 : static_cast<std::size_t>(std::atoll(response.headers["Content-Length"].c_str()));
  while (input_.size() < length) {
    if (!ReadMore()) {
      return {};
    }
  }
  response.body = input_.substr(0, length);
  input_.erase(0, length);
  return response;
}

TestClient::Response TestClient::Ask(std::string_view request) {
  Send(request);
  return Read();
}

bool TestClient::AtEnd() {
  char byte = 0;
  return input_.empty() && recv(socket_.get(), &byte, 1, 0) == 0;
}

std::size_t TestClient::Trickle(std::chrono::milliseconds pause) {
  std::size_t bytes = 0;
  while (ReadMore()) {
    bytes += std::exchange(input_, std::string()).size();
    std::this_thread::sleep_for(pause);
  }
  return bytes;
}

void TestClient::Reset() {
  const linger at_once{1, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

void TestClient::ShutdownSend() {
  shutdown(socket_.get(), SHUT_WR);
}

}  // namespace accelerd
