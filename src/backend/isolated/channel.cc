#include "backend/isolated/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxPacketBody = std::size_t{64} << 10;
constexpr std::uint64_t kMaxBody = std::uint64_t{1} << 30;
constexpr std::size_t kMaxDescriptors = 4;  // One is right; room to see, and close, some that are not.
constexpr int kSocketBytes = 1 << 20;

/// Room for descriptors in a packet.
struct alignas(cmsghdr) Control {
  std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> bytes{};
};

/// Takes over the descriptors of a packet.
std::vector<UniqueFd> TakeDescriptors(msghdr& header) {
  std::vector<UniqueFd> taken;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= control->cmsg_len; at += sizeof(int)) {
      int descriptor = -1;
      std::memcpy(&descriptor, reinterpret_cast<const char*>(control) + at, sizeof(descriptor));
      taken.emplace_back(descriptor);
    }
  }
  return taken;
}

absl::Status Nonsense(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("malformed message: {}", what));
}

}  // namespace

Channel::Channel(UniqueFd socket) : socket_(std::move(socket)), packet_(sizeof(MessageHeader) + kMaxPacketBody + 1) {}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> Channel::CreatePair() {
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot create a socket: {}", std::generic_category().message(errno)));
  }
  for (const int socket : sockets) {
    // The kernel gives what it allows.
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof(kSocketBytes));
  }
  return std::pair(UniqueFd(sockets[0]), UniqueFd(sockets[1]));
}

absl::Status Channel::Send(MessageType type, std::uint64_t sequence, std::string_view body, Wait wait, int descriptor) {
  MessageHeader header;
  header.type = type;
  header.length = body.size();
  header.sequence = sequence;
  if (body.size() <= kMaxPacketBody) {
    return SendPacket(header, body, wait, descriptor);
  }
  if (body.size() > kMaxBody || descriptor >= 0) {
    return absl::ResourceExhaustedError(fmt::format("a message of {} bytes is too large", body.size()));
  }
  ACCELERD_ASSIGN_OR_RETURN(const UniqueFd file, MakeSealedFile(body));
  header.flags = MessageHeader::kBodyInDescriptor;
  return SendPacket(header, {}, wait, file.get());
}

absl::Status Channel::SendPacket(const MessageHeader& header, std::string_view body, Wait wait, int descriptor) {
  std::array<iovec, 2> parts = {
      {{const_cast<MessageHeader*>(&header), sizeof(header)}, {const_cast<char*>(body.data()), body.size()}}};
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  Control control;
  if (descriptor >= 0) {
    packet.msg_control = control.bytes.data();
    packet.msg_controllen = CMSG_SPACE(sizeof(int));
    cmsghdr* first = CMSG_FIRSTHDR(&packet);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(first), &descriptor, sizeof(descriptor));
  }
  const int flags = MSG_NOSIGNAL | (wait == Wait::kNo ? MSG_DONTWAIT : 0);
  while (sendmsg(socket_.get(), &packet, flags) < 0) {
    if (errno == EPIPE || errno == ECONNRESET) {
      return absl::UnavailableError("the connection has ended");
    }
    if (errno != EINTR) {
      return absl::AbortedError(fmt::format("cannot send a message: {}", std::generic_category().message(errno)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ReceivedMessage>> Channel::Receive(Wait wait) {
  body_ = Mapping();
  iovec part{packet_.data(), packet_.size()};
  Control control;
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control.bytes.data();
  packet.msg_controllen = control.bytes.size();
  const ssize_t received = recvmsg(socket_.get(), &packet, MSG_CMSG_CLOEXEC | (wait == Wait::kNo ? MSG_DONTWAIT : 0));
  if (received < 0 && (errno == EINTR || errno == EAGAIN)) {
    return errno == EINTR ? Receive(wait) : absl::StatusOr<std::optional<ReceivedMessage>>(std::nullopt);
  }
  if (received <= 0) {
    return absl::UnavailableError("the connection has ended");
  }
  std::vector<UniqueFd> descriptors = TakeDescriptors(packet);
  const auto bytes = static_cast<std::size_t>(received);
  MessageHeader header;
  if (bytes < sizeof(header) || (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || descriptors.size() > 1) {
    return Nonsense("a packet of the wrong size");
  }
  std::memcpy(&header, packet_.data(), sizeof(header));
  if (header.magic != MessageHeader::kMagic) {
    return Nonsense("no message of this protocol");
  }
  ReceivedMessage message{header.type, header.sequence, {packet_.data() + sizeof(header), bytes - sizeof(header)}, {}};
  if (!descriptors.empty()) {
    message.descriptor = std::move(descriptors.front());
  }
  if ((header.flags & MessageHeader::kBodyInDescriptor) != 0) {
    ACCELERD_RETURN_IF_ERROR(MapBody(message, header.length));
  } else if (message.body.size() != header.length) {
    return Nonsense("a body of the wrong size");
  }
  return message;
}

absl::Status Channel::MapBody(ReceivedMessage& message, std::uint64_t length) {
  if (length > kMaxBody || !message.body.empty()) {
    return Nonsense("a body of the wrong size");
  }
  const UniqueFd file = std::move(message.descriptor);
  ACCELERD_RETURN_IF_ERROR(CheckSealed(file.get(), length, /*immutable=*/true));
  ACCELERD_ASSIGN_OR_RETURN(body_, Mapping::Map(file.get(), length, Mapping::Access::kRead));
  message.body = {reinterpret_cast<const char*>(body_.bytes().data()), body_.bytes().size()};
  return absl::OkStatus();
}

void Channel::Shutdown() {
  shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace accelerd
