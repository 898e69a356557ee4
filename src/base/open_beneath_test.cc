#include "base/open_beneath.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fmt/core.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

class OpenBeneathTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "beneath-XXXXXX";
    base_ = fs::canonical(mkdtemp(pattern.data()));
    fs::create_directories(base_ + "/root/sub/deep");
    fs::create_directories(base_ + "/outside");
    Write("/root/file");
    Write("/root/sub/file");
    Write("/root/sub/deep/file");
    Write("/outside/file");
    root_ = UniqueFd(open((base_ + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(root_.valid());
  }
  void TearDown() override { fs::remove_all(base_); }

  void Write(const std::string& path) { std::ofstream(base_ + path) << path; }
  void Link(const std::string& target, const std::string& name) { fs::create_symlink(target, base_ + "/root/" + name); }

  /// What an opening gives: the path of what was opened, or the error.
  template <typename Open>
  static std::string Result(const Open& open_beneath, int directory, const std::string& path, int flags) {
    int error = -1;
    const UniqueFd opened = open_beneath(directory, path, flags, error);
    EXPECT_EQ(opened.valid(), error == 0) << path;
    return opened.valid() ? fs::read_symlink(fmt::format("/proc/self/fd/{}", opened.get())).string()
                          : strerrorname_np(error);
  }

  std::string Walk(const std::string& path, int flags = kReadFlags) const {
    return Result(OpenBeneathByWalking, root_.get(), path, flags);
  }

  /// The same, where the kernel's answer is the right one.
  void ExpectSame(int directory, const std::string& path) const {
    if (!KernelResolvesBeneath()) {
      GTEST_SKIP() << "this kernel does not resolve paths beneath a directory";
    }
    for (const int flags :
         {kReadFlags, kReadFlags | O_DIRECTORY, O_PATH | O_CLOEXEC, O_PATH | O_DIRECTORY | O_CLOEXEC}) {
      EXPECT_EQ(Result(OpenBeneathByWalking, directory, path, flags), Result(OpenBeneath, directory, path, flags))
          << path << " with flags " << flags;
    }
  }

  std::string base_;
  UniqueFd root_;
};

TEST_F(OpenBeneathTest, OpensWhatIsBeneath) {
  Link("sub/deep", "link");
  Link("../file", "sub/up");
  EXPECT_EQ(Walk("file"), base_ + "/root/file");
  EXPECT_EQ(Walk("./sub//deep/../file"), base_ + "/root/sub/file");
  EXPECT_EQ(Walk("link/file"), base_ + "/root/sub/deep/file");
  EXPECT_EQ(Walk("link/../file"), base_ + "/root/sub/file") << "the parent is that of what the link leads to";
  EXPECT_EQ(Walk("sub/up"), base_ + "/root/file");
  EXPECT_EQ(Walk("."), base_ + "/root");
  EXPECT_EQ(Walk("sub/..", O_PATH), base_ + "/root");
}

TEST_F(OpenBeneathTest, RefusesWhatLeadsOut) {
  Link("../outside/file", "relative");
  Link(base_ + "/outside", "absolute");
  Link(base_ + "/root/file", "back");
  Link("sub/../../outside", "sly");
  for (const char* path : {"..", "../root/file", "sub/../../root", "/", "relative", "absolute", "absolute/file", "back",
                           "sly/file", "../absent"}) {
    EXPECT_EQ(Walk(path), "EXDEV") << path;
  }
}

TEST_F(OpenBeneathTest, AnswersAsTheKernelDoes) {
  Link("sub", "to_folder");
  Link("sub/", "to_folder_slash");
  Link("file", "to_file");
  Link("file/", "to_file_slash");
  Link("absent", "dangling");
  Link("loop", "loop");
  Link("pong", "ping");
  Link("ping", "pong");
  Link(".", "dot");
  Link("..", "dots");
  Link("sub/./../sub", "around");
  Link(std::string(4000, '/') + "x", "absolute_long");
  Link("dot/dot/dot/dot/" + std::string(3000, '.').substr(0, 1) + "/file", "dotted");
  ASSERT_EQ(mkfifo((base_ + "/root/fifo").c_str(), 0600), 0);
  std::string many = "sub";
  for (int i = 0; i < 45; ++i) {
    Link(many, fmt::format("chain{}", i));
    many = fmt::format("chain{}", i);
  }
  for (const std::string name : {"",
                                 ".",
                                 "./",
                                 "..",
                                 "../",
                                 "/",
                                 "/file",
                                 "file",
                                 "file/",
                                 "file//",
                                 "file/.",
                                 "file/..",
                                 "file/../file",
                                 "file/x",
                                 "./file",
                                 "sub",
                                 "sub/",
                                 "sub/.",
                                 "sub//",
                                 "sub/..",
                                 "sub/../",
                                 "sub/../..",
                                 "sub/../file",
                                 "absent",
                                 "absent/",
                                 "absent/..",
                                 "sub/absent/../file",
                                 "to_folder",
                                 "to_folder/",
                                 "to_folder/file",
                                 "to_folder/../file",
                                 "to_folder_slash",
                                 "to_folder_slash/file",
                                 "to_file",
                                 "to_file/",
                                 "to_file/..",
                                 "to_file_slash",
                                 "dangling",
                                 "dangling/",
                                 "dangling/x",
                                 "loop",
                                 "loop/x",
                                 "ping",
                                 "dot",
                                 "dot/file",
                                 "dot/../file",
                                 "dots",
                                 "dots/",
                                 "dots/root/file",
                                 "sub/dots",
                                 "around",
                                 "around/file",
                                 "absolute_long",
                                 "dotted",
                                 "fifo",
                                 "fifo/",
                                 "chain38/file",
                                 "chain39/file",
                                 "chain40/file",
                                 "chain39",
                                 "chain40",
                                 "chain39/",
                                 "chain40/"}) {
    ExpectSame(root_.get(), name);
  }
  ExpectSame(root_.get(), std::string(NAME_MAX, 'x'));
  ExpectSame(root_.get(), std::string(NAME_MAX + 1, 'x'));
  ExpectSame(root_.get(), "sub/" + std::string(NAME_MAX + 1, 'x') + "/y");
  ExpectSame(root_.get(), "absent/" + std::string(NAME_MAX + 1, 'x'));
  for (const std::size_t size : {PATH_MAX - 2, PATH_MAX - 1, PATH_MAX, 3 * PATH_MAX}) {
    std::string path;
    while (path.size() + 2 < size) {
      path += "./";
    }
    ExpectSame(root_.get(), path + (path.size() + 1 < size ? "./" : "."));
  }
}

TEST_F(OpenBeneathTest, AnswersAsTheKernelDoesInProc) {
  const UniqueFd proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const std::string name :
       {"self/status", "thread-self/status", "mounts", "self/exe", "self/root", "self/root/etc/passwd", "self/cwd/x",
        "self/ns/net", "self/fd/0", "self/fd/999999", "self/task/../status", "net/dev", "sys/kernel/ostype"}) {
    ExpectSame(proc.get(), name);
  }
}

TEST_F(OpenBeneathTest, AnswersAsTheKernelDoesWithoutRights) {
  if (geteuid() == 0 && seteuid(65534) != 0) {
    GTEST_SKIP() << "root may do everything";
  }
  const fs::path old = fs::current_path();
  ASSERT_EQ(seteuid(getuid()), 0);
  fs::permissions(base_, fs::perms::all);
  fs::create_directory(base_ + "/root/closed");
  Write("/root/closed/file");
  Write("/root/secret");
  fs::permissions(base_ + "/root/closed", fs::perms::none);
  fs::permissions(base_ + "/root/secret", fs::perms::none);
  // A folder that all share, as /tmp is, with a link of somebody else.
  fs::create_directory(base_ + "/root/tmp");
  fs::permissions(base_ + "/root/tmp", fs::perms::all | fs::perms::sticky_bit);
  Link("../file", "tmp/link");
  Link("../sub", "tmp/folder");
  ASSERT_EQ(lchown((base_ + "/root/tmp/link").c_str(), 12345, 12345), getuid() == 0 ? 0 : -1);
  ASSERT_EQ(lchown((base_ + "/root/tmp/folder").c_str(), 12345, 12345), getuid() == 0 ? 0 : -1);
  const bool changed = getuid() == 0 && seteuid(65534) == 0;
  for (const char* name : {"closed", "closed/", "closed/file", "closed/absent", "closed/..", "secret", "secret/",
                           "tmp/link", "tmp/folder", "tmp/folder/", "tmp/folder/file"}) {
    ExpectSame(root_.get(), name);
  }
  if (changed) {
    ASSERT_EQ(seteuid(0), 0);
  }
  fs::permissions(base_ + "/root/closed", fs::perms::all);
}

TEST_F(OpenBeneathTest, BoundsTheWorkOfOnePath) {
  std::string deep;
  fs::path folder = base_ + "/root";
  for (int i = 0; i < 500; ++i) {
    deep += "d/";
    folder /= "d";
    ASSERT_TRUE(fs::create_directory(folder));
  }
  EXPECT_EQ(Walk(deep, O_PATH | O_DIRECTORY), folder.string());
  // Each ".." walks the whole way again.
  std::string up_and_down = deep;
  while (up_and_down.size() + 5 < PATH_MAX) {
    up_and_down += "../d/";
  }
  EXPECT_EQ(Walk(up_and_down, O_PATH | O_DIRECTORY), "ELOOP");
}

TEST_F(OpenBeneathTest, NoRaceLeadsOut) {
  // A folder and a link that leads out take turns under one name; so do a file and a link.
  fs::create_directory(base_ + "/root/turn");
  Write("/root/turn/file");
  fs::create_directory(base_ + "/root/gate");
  Write("/root/gate/file");
  Link("../outside", "spare");
  Link("../outside/file", "spare_file");
  const auto swap = [this](const char* one, const char* other) {
    return renameat2(root_.get(), one, root_.get(), other, RENAME_EXCHANGE) == 0;
  };
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const UniqueFd outside(open((base_ + "/outside").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    while (!stop) {
      EXPECT_TRUE(swap("turn", "spare"));
      EXPECT_TRUE(swap("file", "spare_file"));
      // A folder moves out of the tree and back.
      EXPECT_EQ(renameat(root_.get(), "gate", outside.get(), "gate"), 0);
      EXPECT_EQ(renameat(outside.get(), "gate", root_.get(), "gate"), 0);
    }
  });
  const UniqueFd root(open((base_ + "/root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int opened = 0;
  for (int i = 0; i < 20'000; ++i) {
    for (const char* path : {"turn/file", "file", "gate/../file", "gate/../../outside/file", "turn/../sub/file"}) {
      int error = 0;
      const UniqueFd file = OpenBeneathByWalking(root.get(), path, kReadFlags, error);
      std::array<char, 64> bytes{};
      if (!file.valid()) {
        EXPECT_TRUE(error == EXDEV || error == ENOENT || error == EAGAIN) << path << ": " << strerrorname_np(error);
        continue;
      }
      ++opened;
      const ssize_t count = read(file.get(), bytes.data(), bytes.size());
      EXPECT_TRUE(std::string_view(bytes.data(), static_cast<std::size_t>(count)).starts_with("/root/")) << path;
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GT(opened, 0);
}

TEST(RelativeToTest, IsByNames) {
  EXPECT_EQ(RelativeTo("/a/b", "/a"), "b");
  EXPECT_EQ(RelativeTo("/a", "/a"), ".");
  EXPECT_EQ(RelativeTo("/a", ""), "a");
  EXPECT_EQ(RelativeTo("/ab", "/a"), std::nullopt);
}

}  // namespace
}  // namespace accelerd
