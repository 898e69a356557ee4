#include "frontend/http/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    std::string folder = ::testing::TempDir() + "/listenerXXXXXX";
    folder_ = mkdtemp(folder.data());
    path_ = folder_ + "/s";
  }
  ~ListenerTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<Listener>> OpenUnix(int mode = 0600, const std::string& group = "") const {
    return Listener::Open({"", 0, path_}, mode, group);
  }

  std::string folder_;
  std::string path_;
};

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
  const auto first = Listener::Open({"127.0.0.1", 0, ""}, 0, "");
  ASSERT_TRUE(first.ok());
  const auto address = ParseListenAddress((*first)->address());
  ASSERT_TRUE(address.ok());
  ASSERT_NE(address->port, 0);
  const auto second = Listener::Open(*address, 0, "");
  EXPECT_EQ(second.status().message(), "cannot listen on " + (*first)->address() +
                                           ": address already in use; stop the other service or choose another "
                                           "--listen");
}

TEST(TcpListener, Ipv4AndIpv6SideBySide) {
  const auto v6 = Listener::Open({"::", 0, ""}, 0, "");
  if (!v6.ok()) {
    GTEST_SKIP() << "no IPv6 here: " << v6.status();
  }
  const auto address = ParseListenAddress((*v6)->address());
  ASSERT_TRUE(address.ok()) << (*v6)->address();
  EXPECT_TRUE(Listener::Open({"0.0.0.0", address->port, ""}, 0, "").ok());
}

TEST(TcpListener, TakesWhicheverAddressOfANameItCan) {
  addrinfo hints{};
  hints.ai_family = AF_INET6;
  addrinfo* found = nullptr;
  if (getaddrinfo("localhost", nullptr, &hints, &found) != 0) {
    GTEST_SKIP() << "localhost is one address here";
  }
  freeaddrinfo(found);
  const auto first = Listener::Open({"localhost", 0, ""}, 0, "");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::uint16_t port = ParseListenAddress((*first)->address())->port;
  const auto second = Listener::Open({"localhost", port, ""}, 0, "");
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST(TcpListener, UnusableAddresses) {
  EXPECT_THAT(std::string(Listener::Open({"192.0.2.1", 5001, ""}, 0, "").status().message()),
              HasSubstr("this machine has no such address"));
  EXPECT_THAT(std::string(Listener::Open({"no such host", 5001, ""}, 0, "").status().message()),
              HasSubstr("cannot listen on no such host:5001"));
}

TEST_F(ListenerTest, ModeAndRemovalAtTheEnd) {
  {
    const auto listener = OpenUnix(0640);
    ASSERT_TRUE(listener.ok()) << listener.status();
    struct stat status{};
    ASSERT_EQ(stat(path_.c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0640U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "nor is the lock left";
}

TEST_F(ListenerTest, ALiveSocketIsLeftAlone) {
  const auto first = OpenUnix();
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("address already in use"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".lock")) << "its owner's";
  // Nor that of a service that holds no lock.
  std::filesystem::remove(path_ + ".lock");
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("address already in use"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, AStaleSocketIsReplaced) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, path_.size());
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(dead, 1), 0);
  close(dead);
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(OpenUnix().ok());
}

TEST_F(ListenerTest, AFileIsNeverReplaced) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("not a socket"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
}

TEST_F(ListenerTest, AnotherServicesSocketSurvivesTheEnd) {
  auto listener = OpenUnix();
  ASSERT_TRUE(listener.ok());
  std::filesystem::remove(path_);
  std::ofstream(path_) << "other";
  listener->reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, WhatCannotBe) {
  EXPECT_THAT(std::string(OpenUnix(0600, "no-such-group").status().message()), HasSubstr("no group 'no-such-group'"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  path_ = folder_ + "/missing/s";
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("its folder does not exist"));
  path_ = folder_ + "/" + std::string(200, 'x');
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("longer than 107"));
}

}  // namespace
}  // namespace accelerd
