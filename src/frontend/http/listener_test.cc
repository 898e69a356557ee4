#include "frontend/http/listener.h"

#include <netdb.h>
#include <sys/socket.h>

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Listeners = std::vector<std::unique_ptr<Listener>>;

absl::StatusOr<Listeners> Open(const std::vector<ListenAddress>& addresses) {
  return OpenListeners(addresses, {});
}

ListenAddress At(const std::string& host, std::uint16_t port = 0) {
  ListenAddress address;
  address.host = host;
  address.port = port;
  return address;
}

std::uint16_t PortOf(const Listener& listener) {
  return ParseListenAddress(listener.address())->port;
}

/// Whether somebody listens on a TCP address, such as {"::1", "5001"}.
bool CanConnect(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return false;
  }
  const UniqueFd client(socket(found->ai_family, SOCK_STREAM, 0));
  const bool connected = connect(client.get(), found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  return connected;
}

bool HasIpv6() {
  return Open({At("::1")}).ok();
}

TEST(ListenAddress, Parses) {
  const auto v4 = ParseListenAddress("127.0.0.1:5001");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 5001);
  const auto v6 = ParseListenAddress("[::1]:0");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  const auto unix_path = ParseListenAddress("unix:/run/a:b");
  ASSERT_TRUE(unix_path.ok());
  EXPECT_EQ(unix_path->path, "/run/a:b");
}

TEST(ListenAddress, RefusesWhatIsNone) {
  for (const auto* text :
       {"", "5001", ":5001", "a:", "a:b", "a:65536", "a:-1", "a: 1", "::1:5001", "[]:1", "[::1]", "unix:", "[::1:5"}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
}

TEST(TcpListener, PortInUseSaysWhatToDo) {
  const auto first = Open({At("127.0.0.1")});
  ASSERT_TRUE(first.ok());
  const std::string address = first->front()->address();
  ASSERT_NE(PortOf(*first->front()), 0);
  EXPECT_EQ(
      Open({*ParseListenAddress(address)}).status().message(),
      "cannot listen on " + address + ": address already in use; stop the other service or choose another --listen");
}

TEST(TcpListener, AllAddressesTakeBothFamilies) {
  if (!HasIpv6()) {
    GTEST_SKIP() << "no IPv6 here";
  }
  const auto all = Open({At("::")});
  ASSERT_TRUE(all.ok()) << all.status();
  const std::uint16_t port = PortOf(*all->front());
  EXPECT_TRUE(CanConnect("::1", port));
  EXPECT_TRUE(CanConnect("127.0.0.1", port));
  EXPECT_FALSE(Open({At("0.0.0.0", port)}).ok());
  const auto one = Open({At("::1")});
  ASSERT_TRUE(one.ok());
  EXPECT_FALSE(CanConnect("127.0.0.1", PortOf(*one->front())));
}

TEST(TcpListener, BothFamiliesSideBySide) {
  if (!HasIpv6()) {
    GTEST_SKIP() << "no IPv6 here";
  }
  for (const char* const v4 : {"0.0.0.0", "127.0.0.1"}) {
    const std::uint16_t port = PortOf(*Open({At(v4)})->front());
    for (const bool v4_first : {true, false}) {
      std::vector<ListenAddress> addresses = {At(v4, port), At("::", port)};
      if (!v4_first) {
        std::swap(addresses[0], addresses[1]);
      }
      const auto both = Open(addresses);
      ASSERT_TRUE(both.ok()) << both.status();
      EXPECT_THAT(*both, SizeIs(2));
      EXPECT_TRUE(CanConnect("127.0.0.1", port) && CanConnect("::1", port));
      EXPECT_EQ(CanConnect("127.0.0.2", port), v4 == std::string("0.0.0.0")) << "nobody asked for more of IPv4";
    }
  }
}

TEST(TcpListener, AcceptsIpv4ClientsByTheirIpv4Address) {
  const auto all = Open({At("::")});
  if (!all.ok()) {
    GTEST_SKIP() << "no IPv6 here";
  }
  Listener& listener = *all->front();
  ASSERT_TRUE(CanConnect("127.0.0.1", PortOf(listener)));
  EXPECT_EQ(listener.Accept().client, "127.0.0.1");
}

TEST(TcpListener, EveryAddressOfAName) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  ASSERT_EQ(getaddrinfo("localhost", nullptr, &hints, &found), 0);
  std::set<int> families;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    families.insert(one->ai_family);
  }
  freeaddrinfo(found);
  const auto listeners = Open({At("localhost")});
  if (families.contains(AF_INET6) && !HasIpv6()) {
    EXPECT_THAT(std::string(listeners.status().message()), HasSubstr("[::1]"));
    return;
  }
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  EXPECT_THAT(*listeners, SizeIs(testing::Ge(families.size())));
  const std::uint16_t port = PortOf(*listeners->front());
  for (const auto& listener : *listeners) {
    EXPECT_EQ(PortOf(*listener), port);
  }
  // Each of them is needed: a port that another service has at one of them is an error.
  for (const auto& listener : *listeners) {
    const std::string taken = listener->address();
    const auto other = Open({*ParseListenAddress(taken)});
    EXPECT_FALSE(other.ok());
  }
  EXPECT_THAT(std::string(Open({At("localhost", port)}).status().message()), HasSubstr("address already in use"));
}

TEST(TcpListener, WhatIsOptionalMayBeMissing) {
  // No machine has this address (RFC 5737).
  const ListenAddress absent = At("192.0.2.1", 5001);
  EXPECT_THAT(std::string(Open({absent}).status().message()), HasSubstr("this machine has no such address"));
  ListenAddress optional = absent;
  optional.optional = true;
  const auto listeners = Open({At("127.0.0.1"), optional});
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  EXPECT_THAT(*listeners, SizeIs(1));
  // A port that is taken is an error all the same.
  ListenAddress taken = *ParseListenAddress(listeners->front()->address());
  taken.optional = true;
  EXPECT_THAT(std::string(Open({taken}).status().message()), HasSubstr("address already in use"));
}

TEST(TcpListener, AnErrorLeavesNothingBound) {
  const std::uint16_t port = PortOf(*Open({At("127.0.0.1")})->front());
  EXPECT_FALSE(Open({At("127.0.0.1", port), At("192.0.2.1", port)}).ok());
  EXPECT_FALSE(CanConnect("127.0.0.1", port));
}

TEST(TcpListener, UnknownHosts) {
  EXPECT_THAT(std::string(Open({At("no such host", 5001)}).status().message()),
              HasSubstr("cannot listen on no such host:5001"));
}

}  // namespace
}  // namespace accelerd
