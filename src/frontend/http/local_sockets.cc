#include "frontend/http/local_sockets.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace accelerd {
namespace {

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

/// As the kernel takes it: IPv4 in the first word, IPv6 in all four.
void CopyAddress(const IpAddress& address, bool v4, __be32* words) {
  std::memcpy(words, address.data() + (v4 ? kV4Offset : 0), v4 ? 4 : address.size());
}

Request MakeRequest(const TcpEnd& from, const TcpEnd& to, std::uint32_t sequence) {
  const bool v4 = IsV4(from.address);
  Request request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = sequence;
  request.body.sdiag_family = v4 ? AF_INET : AF_INET6;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0U;
  inet_diag_sockid& id = request.body.id;
  id.idiag_sport = htons(from.port);
  id.idiag_dport = htons(to.port);
  CopyAddress(from.address, v4, id.idiag_src);
  CopyAddress(to.address, v4, id.idiag_dst);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

}  // namespace

std::optional<LocalSocket> LocalSockets::Find(const TcpEnd& from, const TcpEnd& to) {
  if (!netlink_.valid()) {
    netlink_ = UniqueFd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  }
  const Request request = MakeRequest(from, to, ++sequence_);
  if (!netlink_.valid() ||
      send(netlink_.get(), &request, sizeof(request), 0) != static_cast<ssize_t>(sizeof(request))) {
    return std::nullopt;
  }
  // The kernel has answered when send returns; an older answer may be there if one was cut off.
  alignas(nlmsghdr) std::array<std::byte, 4096> answer{};
  for (;;) {
    const ssize_t received = recv(netlink_.get(), answer.data(), answer.size(), 0);
    if (received < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) {
      return std::nullopt;  // Also an error, which is shorter.
    }
    const auto& header = *reinterpret_cast<const nlmsghdr*>(answer.data());
    if (header.nlmsg_seq == sequence_) {
      if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
        return std::nullopt;
      }
      const auto& message = *static_cast<const inet_diag_msg*>(NLMSG_DATA(&header));
      return LocalSocket{.uid = message.idiag_uid, .inode = message.idiag_inode};
    }
  }
}

}  // namespace accelerd
