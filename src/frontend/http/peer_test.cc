#include "frontend/http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>

#include "fmt/core.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

/// A connection of this process with itself; not connected when the machine has no such address.
struct Connection {
  UniqueFd client;
  UniqueFd server;
};

Connection ConnectTcp(const sockaddr* address, socklen_t size, int family) {
  Connection connection;
  const UniqueFd listener(socket(address->sa_family, SOCK_STREAM, 0));
  if (bind(listener.get(), address, size) != 0 || listen(listener.get(), 1) != 0) {
    return connection;
  }
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof(bound);
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &bound_size);
  connection.client = UniqueFd(socket(family, SOCK_STREAM, 0));
  if (family == AF_INET6 && bound.ss_family == AF_INET) {
    // As programs do that know IPv6 alone.
    sockaddr_in6 mapped{};
    mapped.sin6_family = AF_INET6;
    mapped.sin6_port = reinterpret_cast<const sockaddr_in&>(bound).sin_port;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    EXPECT_EQ(connect(connection.client.get(), reinterpret_cast<const sockaddr*>(&mapped), sizeof(mapped)), 0);
  } else {
    EXPECT_EQ(connect(connection.client.get(), reinterpret_cast<const sockaddr*>(&bound), bound_size), 0);
  }
  connection.server = UniqueFd(accept(listener.get(), nullptr, nullptr));
  return connection;
}

Connection ConnectV4(int family = AF_INET) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ConnectTcp(reinterpret_cast<const sockaddr*>(&address), sizeof(address), family);
}

Connection ConnectV6() {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  return ConnectTcp(reinterpret_cast<const sockaddr*>(&address), sizeof(address), AF_INET6);
}

std::string ThisProcess() {
  return fmt::format("uid {} pid {}", geteuid(), getpid());
}

/// Finds the process of a peer on this machine.
void FindProcess(Peer& peer) {
  ASSERT_TRUE(peer.inode_to_find());
  ProcessFinder finder;
  std::promise<ProcessFinder::Answer> answer;
  finder.Find(*peer.inode_to_find(), [&](ProcessFinder::Answer found) { answer.set_value(std::move(found)); });
  peer.Found(answer.get_future().get());
}

TEST(PeerTest, OfAUnixSocketUserAndProcess) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd first(ends[0]);
  const UniqueFd second(ends[1]);
  Peer peer(first.get());
  LocalSockets sockets;
  peer.Recognize(sockets);
  EXPECT_TRUE(peer.over_unix_socket());
  EXPECT_EQ(peer.uid(), geteuid());
  EXPECT_FALSE(peer.address());
  EXPECT_FALSE(peer.inode_to_find());
  EXPECT_EQ(peer.name(), ThisProcess());
}

TEST(PeerTest, OfALoopbackConnectionTheSameWhenItIsFound) {
  LocalSockets sockets;
  for (const bool v6 : {false, true}) {
    const Connection connection = v6 ? ConnectV6() : ConnectV4();
    if (v6 && !connection.server.valid()) {
      GTEST_SKIP() << "this machine has no IPv6";
    }
    Peer peer(connection.server.get());
    EXPECT_EQ(peer.name(), v6 ? "address ::1" : "address 127.0.0.1");
    peer.Recognize(sockets);
    EXPECT_FALSE(peer.over_unix_socket());
    EXPECT_EQ(peer.uid(), geteuid());
    EXPECT_EQ(peer.name(), fmt::format("uid {}", geteuid()));
    FindProcess(peer);
    EXPECT_FALSE(peer.inode_to_find());
    EXPECT_EQ(peer.name(), ThisProcess());
  }
}

TEST(PeerTest, AProcessThatCallsItselfAnotherIsTheSame) {
  const Connection connection = ConnectV4();
  LocalSockets sockets;
  std::array<char, 16> own_name{};
  prctl(PR_GET_NAME, own_name.data());
  for (const char* const called : {"first", "second"}) {
    prctl(PR_SET_NAME, called);
    Peer peer(connection.server.get());
    peer.Recognize(sockets);
    FindProcess(peer);
    EXPECT_EQ(peer.process()->name, called);
    EXPECT_EQ(peer.name(), ThisProcess());
  }
  prctl(PR_SET_NAME, own_name.data());
}

TEST(PeerTest, KnowsWhenItsProcessStarted) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd first(ends[0]);
  const UniqueFd second(ends[1]);
  const Connection connection = ConnectV4();
  LocalSockets sockets;
  Peer over_unix(first.get());
  over_unix.Recognize(sockets);
  Peer over_tcp(connection.server.get());
  over_tcp.Recognize(sockets);
  FindProcess(over_tcp);
  EXPECT_EQ(over_unix.process()->started, ReadProcess(getpid()).started);
  EXPECT_EQ(over_tcp.process()->started, ReadProcess(getpid()).started);
}

TEST(PeerTest, OfAnIpv6SocketThatSpeaksIpv4) {
  const Connection connection = ConnectV4(AF_INET6);
  Peer peer(connection.server.get());
  LocalSockets sockets;
  peer.Recognize(sockets);
  FindProcess(peer);
  EXPECT_EQ(peer.name(), ThisProcess());
}

TEST(PeerTest, OfOtherMachinesTheAddress) {
  const auto name_of = [](std::string_view address) {
    Peer peer({.address = ParseIpAddress(address).value(), .port = 1234}, {.address = *ParseIpAddress("192.0.2.1")});
    LocalSockets sockets;
    peer.Recognize(sockets);
    EXPECT_FALSE(peer.uid());
    EXPECT_FALSE(peer.inode_to_find());
    return peer.name();
  };
  EXPECT_EQ(name_of("192.0.2.7"), "address 192.0.2.7");
  EXPECT_EQ(name_of("2001:db8:1:2:3:4:5:6"), "address 2001:db8:1:2::/64") << "the rest is its own choice";
  EXPECT_EQ(name_of("fe80::1:2"), "address fe80::1:2");
  EXPECT_EQ(Peer().name(), "unknown");
}

TEST(PeerTest, WhichAddressItCameTo) {
  const auto at_loopback = [](std::string_view there, std::string_view here) {
    return Peer({.address = ParseIpAddress(there).value(), .port = 1}, {.address = ParseIpAddress(here).value()})
        .at_loopback();
  };
  EXPECT_TRUE(at_loopback("127.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(at_loopback("127.0.0.1", "127.0.1.1"));
  EXPECT_TRUE(at_loopback("::1", "::1"));
  EXPECT_FALSE(at_loopback("192.0.2.7", "192.0.2.1"));
  EXPECT_FALSE(at_loopback("192.0.2.1", "192.0.2.1")) << "the machine's own name leads there";
  EXPECT_FALSE(at_loopback("2001:db8::7", "2001:db8::1"));
  EXPECT_FALSE(Peer().at_loopback());
  EXPECT_TRUE(Peer(ConnectV4().server.get()).at_loopback());
}

TEST(PeerTest, WhoClosedIsNotLookedFor) {
  Connection connection = ConnectV4();
  connection.client = UniqueFd();
  Peer peer(connection.server.get());
  LocalSockets sockets;
  peer.Recognize(sockets);
  EXPECT_FALSE(peer.inode_to_find());
  EXPECT_TRUE(peer.address());
}

TEST(PeerTest, WhatCannotBeFoundIsAskedAgainUntilItIsFinal) {
  const Connection connection = ConnectV4();
  Peer peer(connection.server.get());
  LocalSockets sockets;
  peer.Recognize(sockets);
  peer.Found({.process = std::nullopt, .final = false});
  EXPECT_TRUE(peer.inode_to_find());
  peer.Found({.process = std::nullopt, .final = true});
  EXPECT_FALSE(peer.inode_to_find());
  EXPECT_EQ(peer.name(), fmt::format("uid {}", geteuid()));
}

TEST(ProcessFinderTest, AnswersWhatIsHeldByNobody) {
  ProcessFinder finder;
  std::promise<ProcessFinder::Answer> answer;
  finder.Find(0xffffffff, [&](ProcessFinder::Answer found) { answer.set_value(std::move(found)); });
  const auto found = answer.get_future().get();
  EXPECT_FALSE(found.process);
  EXPECT_TRUE(found.final);
}

}  // namespace
}  // namespace accelerd
