#include "frontend/http/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "frontend/http/unix_socket_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

class UnixListenerTest : public ::testing::Test {
 protected:
  UnixListenerTest() {
    std::string folder = ::testing::TempDir() + "/listenerXXXXXX";
    folder_ = mkdtemp(folder.data());
    path_ = folder_ + "/s";
  }
  ~UnixListenerTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<Listener>> OpenUnix(int mode = 0600, const std::string& group = "") const {
    return OpenUnixListener(path_, {.mode = mode, .group = group});
  }

  std::string folder_;
  std::string path_;
};

TEST_F(UnixListenerTest, ModeAndRemovalAtTheEnd) {
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

TEST_F(UnixListenerTest, ALiveSocketIsLeftAlone) {
  const auto first = OpenUnix();
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("address already in use"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".lock")) << "its owner's";
  // Nor that of a service that holds no lock.
  std::filesystem::remove(path_ + ".lock");
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("address already in use"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, AStaleSocketIsReplaced) {
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

TEST_F(UnixListenerTest, AFileIsNeverReplaced) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("not a socket"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
}

TEST_F(UnixListenerTest, AnotherServicesSocketSurvivesTheEnd) {
  auto listener = OpenUnix();
  ASSERT_TRUE(listener.ok());
  std::filesystem::remove(path_);
  std::ofstream(path_) << "other";
  listener->reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, WhatCannotBe) {
  EXPECT_THAT(std::string(OpenUnix(0600, "no-such-group").status().message()), HasSubstr("no group 'no-such-group'"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  path_ = folder_ + "/missing/s";
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("its folder does not exist"));
  path_ = folder_ + "/" + std::string(200, 'x');
  EXPECT_THAT(std::string(OpenUnix().status().message()), HasSubstr("longer than 107"));
}

mode_t ModeOf(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

/// A socket that is bound to a path.
UniqueFd BindTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd bound(socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_EQ(bind(bound.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return bound;
}

UniqueFd ConnectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd client(socket(AF_UNIX, SOCK_STREAM, 0));
  if (connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return {};
  }
  return client;
}

TEST_F(UnixListenerTest, TheModeDoesNotDependOnTheMask) {
  for (const mode_t mask : {0, 022, 077, 0777}) {
    const mode_t before = umask(mask);
    const auto listener = OpenUnix(0666);
    umask(before);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(ModeOf(path_), 0666U) << mask;
  }
}

TEST_F(UnixListenerTest, WhatIsPutInItsPlaceKeepsItsMode) {
  const std::string victim = folder_ + "/victim";
  std::ofstream(victim) << "precious";
  ASSERT_EQ(chmod(victim.c_str(), 0600), 0);
  // Anybody who may write to the folder could do this between the steps.
  std::filesystem::create_symlink(victim, path_);
  EXPECT_THAT(std::string(SetSocketAccess(path_, 0666, "").status().message()), HasSubstr("another file was put"));
  EXPECT_EQ(ModeOf(victim), 0600U);
  std::filesystem::remove(path_);
  std::filesystem::create_hard_link(victim, path_);
  EXPECT_FALSE(SetSocketAccess(path_, 0666, "").ok());
  EXPECT_EQ(ModeOf(victim), 0600U);
  std::filesystem::remove(path_);

  // Also another socket, by a link of either kind.
  const std::string other = folder_ + "/other";
  const UniqueFd bound = BindTo(other);
  ASSERT_EQ(chmod(other.c_str(), 0600), 0);
  std::filesystem::create_symlink(other, path_);
  EXPECT_FALSE(SetSocketAccess(path_, 0666, "").ok());
  std::filesystem::remove(path_);
  std::filesystem::create_hard_link(other, path_);
  EXPECT_FALSE(SetSocketAccess(path_, 0666, "").ok());
  EXPECT_EQ(ModeOf(other), 0600U);
  std::filesystem::remove(path_);
  EXPECT_TRUE(SetSocketAccess(other, 0640, "").ok());
  EXPECT_EQ(ModeOf(other), 0640U);
}

TEST_F(UnixListenerTest, ADeletedSocketIsBoundAgain) {
  auto listener = OpenUnix(0640);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(*(*listener)->Renew(), nullptr) << "it is there";
  const UniqueFd waiting = ConnectTo(path_);
  std::filesystem::remove(path_);
  auto renewed = (*listener)->Renew();
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  ASSERT_NE(*renewed, nullptr);
  EXPECT_EQ(ModeOf(path_), 0640U);
  const UniqueFd client = ConnectTo(path_);
  EXPECT_TRUE((*renewed)->Accept().socket.valid());
  EXPECT_TRUE((*listener)->Accept().socket.valid()) << "who waited before is not lost";
  listener->reset();
  EXPECT_TRUE(ConnectTo(path_).valid()) << "the old one's end takes nothing away";
  EXPECT_TRUE(std::filesystem::exists(path_ + ".lock"));
  EXPECT_FALSE(OpenUnix().ok());
  renewed->reset();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(UnixListenerTest, AFolderThatWasMadeAnew) {
  auto listener = OpenUnix();
  ASSERT_TRUE(listener.ok());
  std::filesystem::remove_all(folder_);
  EXPECT_THAT(std::string((*listener)->Renew().status().message()), HasSubstr("its folder does not exist"));
  std::filesystem::create_directory(folder_);
  auto renewed = (*listener)->Renew();
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  ASSERT_NE(*renewed, nullptr);
  EXPECT_TRUE(ConnectTo(path_).valid());
  EXPECT_FALSE(OpenUnix().ok()) << "the lock is held again";
}

TEST_F(UnixListenerTest, AnotherServicesSocketIsNotTakenAway) {
  auto listener = OpenUnix();
  ASSERT_TRUE(listener.ok());
  std::filesystem::remove(path_);
  UniqueFd other = BindTo(path_);
  ASSERT_EQ(listen(other.get(), 1), 0);
  EXPECT_THAT(std::string((*listener)->Renew().status().message()), HasSubstr("address already in use"));
  EXPECT_TRUE(ConnectTo(path_).valid());
  // Nor if another service of our kind has the lock.
  std::filesystem::remove(path_);
  std::filesystem::remove(path_ + ".lock");
  auto second = OpenUnix();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(std::string((*listener)->Renew().status().message()), HasSubstr("address already in use"));
  second->reset();
  EXPECT_NE(*(*listener)->Renew(), nullptr) << "when it has ended";
}

}  // namespace
}  // namespace accelerd
