#include "cli/connect_error.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const std::string& socket_path, int error) {
  const absl::Status status = ConnectError(socket_path, error);
  EXPECT_TRUE(absl::IsUnavailable(status));
  return std::string(status.message());
}

TEST(ConnectError, OverTcp) {
  EXPECT_THAT(TextOf("", ECONNREFUSED), AllOf(HasSubstr("Connection refused"), HasSubstr("accelerd serve")));
  EXPECT_THAT(TextOf("", EHOSTUNREACH), HasSubstr("No network leads there"));
  EXPECT_THAT(TextOf("", ETIMEDOUT), HasSubstr("firewall"));
  EXPECT_THAT(TextOf("", EACCES), AllOf(HasSubstr("firewall"), Not(HasSubstr("--socket-mode"))));
  EXPECT_THAT(TextOf("", EIO), HasSubstr("--url"));
}

TEST(ConnectError, WhatIsAtThePathOfASocket) {
  EXPECT_THAT(TextOf("/no/such/socket", ENOENT), AllOf(HasSubstr("no such socket"), HasSubstr("accelerd serve")));
  EXPECT_THAT(TextOf("/etc/passwd", ECONNREFUSED), HasSubstr("The file is not a socket"));
  EXPECT_THAT(TextOf("/no/such/socket", ECONNREFUSED), HasSubstr("Nobody listens on this socket"));
  EXPECT_THAT(TextOf("/no/such/socket", EAGAIN), HasSubstr("does not accept connections"));
}

/// What a user without rights is told about a path.
std::string TextForNobody(const std::string& path) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) {
      _exit(1);
    }
    const std::string text = TextOf(path, EACCES);
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(read(ends[0], text.data(), text.size()), 0)));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

TEST(ConnectError, PermissionsOfASocket) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root can be another user";
  }
  std::string pattern = "/tmp/connectXXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder + "/s";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int bound = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(bound, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(chmod(path.c_str(), 0660), 0);
  EXPECT_THAT(TextForNobody(path),
              AllOf(HasSubstr("Permission denied"), HasSubstr("user root"), HasSubstr("group root"), HasSubstr("0660"),
                    HasSubstr("--socket-mode"), HasSubstr("--socket-group")));
  ASSERT_EQ(chmod(folder.c_str(), 0700), 0);
  EXPECT_THAT(TextForNobody(path), AllOf(HasSubstr("may not enter the folder " + folder), Not(HasSubstr("--socket"))));
  close(bound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace accelerd
