#include "frontend/http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/unique_fd.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

// Not in Debian 12's headers.
constexpr int kSoPeerPidfd = 77;
constexpr long kPidfsMagic = 0x50494446;

constexpr int kHostBits = 64;
constexpr int kAllBits = 128;

std::optional<TcpEnd> EndOf(const sockaddr_storage& storage) {
  TcpEnd end;
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    std::memcpy(end.address.data(), &v6.sin6_addr, end.address.size());
    end.port = ntohs(v6.sin6_port);
    return end;
  }
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    end.address[kV4Offset - 2] = end.address[kV4Offset - 1] = 0xff;
    std::memcpy(end.address.data() + kV4Offset, &v4.sin_addr, sizeof(v4.sin_addr));
    end.port = ntohs(v4.sin_port);
    return end;
  }
  return std::nullopt;
}

/// The kernel's number of the process that connected a Unix socket, which no other process ever has; nullopt on kernels
/// before Linux 6.9, or if the process has ended.
std::optional<std::uint64_t> PidfdNumber(int socket) {
  int descriptor = -1;
  socklen_t size = sizeof(descriptor);
  if (getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &descriptor, &size) != 0) {
    return std::nullopt;
  }
  const UniqueFd pidfd(descriptor);
  struct statfs system{};
  struct stat status{};
  // Before, all pidfds had one inode.
  if (fstatfs(pidfd.get(), &system) != 0 || system.f_type != kPidfsMagic || fstat(pidfd.get(), &status) != 0) {
    return std::nullopt;
  }
  return status.st_ino;
}

bool IsSharedPrefix(const IpAddress& address) {
  return !IsV4(address) && !IsLinkLocal(address) && !IsLoopback(address);
}

}  // namespace

Peer::Peer(int socket) {
  sockaddr_storage other{};
  sockaddr_storage own{};
  socklen_t other_size = sizeof(other);
  socklen_t own_size = sizeof(own);
  getsockname(socket, reinterpret_cast<sockaddr*>(&own), &own_size);
  if (own.ss_family == AF_UNIX) {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    unix_ = true;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      uid_ = credentials.uid;
      process_ = ProcessInfo{.pid = credentials.pid};
      if (credentials.pid == 0) {
        NameElsewhere(socket);
      }
    }
    return;
  }
  getpeername(socket, reinterpret_cast<sockaddr*>(&other), &other_size);
  if (const auto there = EndOf(other), here = EndOf(own); there && here) {
    *this = Peer(*there, *here);
  }
}

bool Peer::Recognize(LocalSockets& sockets) {
  if (std::exchange(recognized_, true)) {
    return false;
  }
  if (process_) {
    process_ = process_->pid == 0 ? process_ : ReadProcess(process_->pid);
  } else if (local()) {
    if (const auto socket = sockets.Find(*there_, here_)) {
      uid_ = socket->uid;
      inode_ = socket->inode;
    }
  }
  return true;
}

bool Peer::local() const {
  return there_ && (IsLoopback(there_->address) || there_->address == here_.address);
}

std::optional<std::uint32_t> Peer::inode_to_find() const {
  return inode_ == 0 || process_ ? std::nullopt : std::optional(inode_);
}

void Peer::Found(ProcessFinder::Answer answer) {
  process_ = std::move(answer.process);
  if (answer.final) {
    inode_ = 0;
  }
}

std::string Peer::name() const {
  if (!uid_) {
    if (!there_) {
      return unix_ ? "unix" : "unknown";
    }
    if (IsLoopback(there_->address)) {
      return "address 127.0.0.1";  // A process may connect from any of them.
    }
    const int bits = IsSharedPrefix(there_->address) ? kHostBits : kAllBits;
    return fmt::format("address {}", IpPrefix(there_->address, bits).ToString());
  }
  if (!elsewhere_.empty()) {
    return fmt::format("uid {} {}", *uid_, elsewhere_);
  }
  if (!process_ || process_->pid == 0) {
    return fmt::format("uid {}", *uid_);
  }
  return fmt::format("uid {} pid {}", *uid_, process_->pid);
}

std::string Peer::account() const {
  return is_connection_ && uid_ ? fmt::format("uid {}", *uid_) : name();
}

void Peer::NameElsewhere(int socket) {
  if (const auto number = PidfdNumber(socket)) {
    elsewhere_ = fmt::format("process {}", *number);
    return;
  }
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0) {
    elsewhere_ = fmt::format("connection {}", cookie);
    is_connection_ = true;
  }
}

std::optional<std::uint32_t> UserOfName(std::string_view name) {
  constexpr std::string_view kUser = "uid ";
  std::uint32_t user = 0;
  if (!name.starts_with(kUser)) {
    return std::nullopt;
  }
  name.remove_prefix(kUser.size());
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), user);
  const bool whole = error == std::errc() && (end == name.data() + name.size() || *end == ' ');
  return whole ? std::optional(user) : std::nullopt;
}

}  // namespace accelerd
