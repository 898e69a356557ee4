#include "frontend/http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <future>
#include <sstream>

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
  finder.Find(*peer.inode_to_find(), *peer.uid(), [&](ProcessFinder::Answer found) {
    if (!found.later) {
      answer.set_value(std::move(found));
    }
  });
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
    EXPECT_EQ(peer.name(), "address 127.0.0.1");
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

TEST(PeerTest, LoopbackAddressesAreOne) {
  for (const char* const address : {"127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "::ffff:127.0.0.9"}) {
    const Peer peer({.address = ParseIpAddress(address).value(), .port = 1}, {.address = *ParseIpAddress("127.0.0.1")});
    EXPECT_EQ(peer.name(), "address 127.0.0.1") << address;
  }
}

/// A connection over a Unix socket whose client is in another process namespace, which has two connections.
class OtherNamespace {
 public:
  OtherNamespace() {
    folder_ = ::testing::TempDir() + "/namespaceXXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ + "/s").copy(address.sun_path, sizeof(address.sun_path) - 1);
    const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM, 0));
    EXPECT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener.get(), 4), 0);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    wait_ = UniqueFd(ends[1]);
    const UniqueFd end(ends[0]);
    child_ = fork();
    if (child_ == 0) {
      close(ends[1]);
      Connect(address, end.get());
    }
    for (UniqueFd& connection : connections_) {
      connection = UniqueFd(accept(listener.get(), nullptr, nullptr));
    }
  }
  ~OtherNamespace() {
    wait_ = UniqueFd();
    waitpid(child_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }

  /// Two connections of one process, then one of another; seen from a namespace where neither process is.
  const std::array<UniqueFd, 3>& connections() const { return connections_; }

 private:
  [[noreturn]] static void Connect(const sockaddr_un& address, int end) {
    std::array<int, 3> sockets{};
    for (int& one : sockets) {
      one = socket(AF_UNIX, SOCK_STREAM, 0);
    }
    const auto connect_to = [&](int one) {
      connect(one, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    };
    connect_to(sockets[0]);
    connect_to(sockets[1]);
    char byte = 0;
    if (fork() == 0) {  // NOLINT: both go on.
      connect_to(sockets[2]);
    }
    // Lives until the test has ended.
    const ssize_t ended = read(end, &byte, 1);
    _exit(ended == 0 ? 0 : 1);
  }

  std::string folder_;
  UniqueFd wait_;
  pid_t child_ = 0;
  std::array<UniqueFd, 3> connections_;
};

TEST(PeerTest, InAnotherNamespaceAProcessIsToldByItsPidfd) {
  const OtherNamespace other;
  // Credentials are translated for who asks: in a namespace of its own the asker does not see those processes.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  UniqueFd output(ends[1]);
  const UniqueFd input(ends[0]);
  const pid_t outer = fork();
  if (outer == 0) {
    if (unshare(CLONE_NEWPID) != 0) {
      _exit(77);
    }
    const pid_t inner = fork();
    if (inner == 0) {
      std::string names;
      for (const UniqueFd& connection : other.connections()) {
        Peer peer(connection.get());
        LocalSockets sockets;
        peer.Recognize(sockets);
        names += peer.name() + "\n" + peer.account() + "\n";
      }
      _exit(write(output.get(), names.data(), names.size()) == static_cast<ssize_t>(names.size()) ? 0 : 1);
    }
    waitpid(inner, nullptr, 0);
    _exit(0);
  }
  output = UniqueFd();
  std::string text;
  std::array<char, 256> piece{};
  for (ssize_t size = 0; (size = read(input.get(), piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  waitpid(outer, &status, 0);
  if (WEXITSTATUS(status) == 77) {
    GTEST_SKIP() << "this user may not make a process namespace";
  }
  std::istringstream lines(text);
  std::array<std::string, 3> names;
  std::array<std::string, 3> accounts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::getline(lines, names.at(i));
    std::getline(lines, accounts.at(i));
  }
  EXPECT_NE(names[0], names[2]);
  if (names[0].find("process") != std::string::npos) {
    EXPECT_EQ(names[0], names[1]);
    EXPECT_EQ(accounts, names);
  } else {
    EXPECT_TRUE(names[0].starts_with(fmt::format("uid {} connection ", geteuid()))) << names[0];
    EXPECT_NE(names[0], names[1]);
    EXPECT_EQ(accounts[0], fmt::format("uid {}", geteuid()));
  }
}

TEST(PeerTest, UserOfItsName) {
  EXPECT_EQ(UserOfName("uid 1000"), 1000U);
  EXPECT_EQ(UserOfName("uid 0 pid 7"), 0U);
  EXPECT_EQ(UserOfName("uid 4294967295 connection 1"), 4294967295U);
  for (const char* const name :
       {"", "uid ", "uid x", "uid 1000x", "uid -1", "uid 4294967296", "address 192.0.2.7", "id uid 0"}) {
    EXPECT_FALSE(UserOfName(name)) << name;
  }
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
  finder.Find(0xffffffff, geteuid(), [&](ProcessFinder::Answer found) {
    if (!found.later) {
      answer.set_value(std::move(found));
    }
  });
  const auto found = answer.get_future().get();
  EXPECT_FALSE(found.process);
  EXPECT_TRUE(found.final);
}

}  // namespace
}  // namespace accelerd
