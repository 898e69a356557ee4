#include "base/confined_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ConfinedPathsTest : public ::testing::Test {
 protected:
  ConfinedPathsTest() {
    std::string pattern = ::testing::TempDir() + "/confined-XXXXXX";
    base_ = std::filesystem::canonical(mkdtemp(pattern.data()));
    std::filesystem::create_directories(base_ + "/allowed/sub");
    std::filesystem::create_directories(base_ + "/other");
    std::ofstream(base_ + "/allowed/a.txt") << "inside";
    std::ofstream(base_ + "/allowed/sub/b.txt") << "deeper";
    std::ofstream(base_ + "/other/secret.txt") << "outside";
    std::ofstream(base_ + "/allowed-not.txt") << "sibling";
  }
  ~ConfinedPathsTest() override { std::filesystem::remove_all(base_); }

  std::string Read(const ConfinedPaths& paths, const std::string& path) {
    const auto contents = paths.ReadFile(path, 1000);
    return contents.ok() ? std::string(reinterpret_cast<const char*>(contents->data.get()), contents->size)
                         : absl::StatusCodeToString(contents.status().code());
  }

  std::string base_;
};

TEST_F(ConfinedPathsTest, ReadsBeneathARoot) {
  const ConfinedPaths paths({base_ + "/allowed/"}, "--allow-path");
  EXPECT_EQ(Read(paths, base_ + "/allowed/a.txt"), "inside");
  EXPECT_EQ(Read(paths, base_ + "/allowed//sub/.././sub/b.txt"), "deeper");
}

TEST_F(ConfinedPathsTest, ASlashAtTheEndIsOfADirectory) {
  for (const std::string& root : {base_ + "/allowed", std::string("/")}) {
    const ConfinedPaths paths({root}, "--allow-path");
    EXPECT_EQ(Read(paths, base_ + "/allowed/a.txt/"), "NOT_FOUND") << root;
    EXPECT_EQ(Read(paths, base_ + "/allowed/a.txt/."), "NOT_FOUND") << root;
    EXPECT_THAT(std::string(paths.OpenFile(base_ + "/allowed/a.txt/").status().message()),
                HasSubstr("not a directory"));
    EXPECT_EQ(Read(paths, base_ + "/allowed/sub/"), "INVALID_ARGUMENT") << root;
    EXPECT_TRUE(paths.ResolveDirectory(base_ + "/allowed/sub/").ok()) << root;
  }
}

TEST_F(ConfinedPathsTest, RefusesWhatLeadsOut) {
  const ConfinedPaths paths({base_ + "/allowed"}, "--allow-path");
  std::filesystem::create_symlink(base_ + "/other/secret.txt", base_ + "/allowed/absolute");
  std::filesystem::create_symlink("../other/secret.txt", base_ + "/allowed/relative");
  for (const char* name : {"/other/secret.txt", "/allowed/../other/secret.txt", "/allowed/absolute",
                           "/allowed/relative", "/allowed-not.txt", "/other/missing.txt"}) {
    EXPECT_EQ(Read(paths, base_ + name), "PERMISSION_DENIED") << name;
  }
  EXPECT_THAT(std::string(paths.OpenFile("/etc/passwd").status().message()),
              HasSubstr("is not beneath a directory that --allow-path allows"));
}

TEST_F(ConfinedPathsTest, SaysWhatOtherDirectoriesAreFor) {
  const ConfinedPaths paths({base_ + "/allowed"}, "--this", {.roots = {base_ + "/other/"}, .note = "that is for that"});
  const auto refusal = [&](const std::string& path) { return std::string(paths.OpenFile(path).status().message()); };
  for (const char* name : {"/other/secret.txt", "/other/./missing", "/other"}) {
    EXPECT_THAT(refusal(base_ + name), HasSubstr("that --this allows; that is for that")) << name;
  }
  EXPECT_THAT(refusal(base_ + "/otherwise"), Not(HasSubstr("that is")));
  EXPECT_EQ(Read(paths, base_ + "/other/secret.txt"), "PERMISSION_DENIED");
  const ConfinedPaths all({}, "--this", {.roots = {"/"}, .note = "that is for that"});
  EXPECT_THAT(std::string(all.OpenFile("/etc/passwd").status().message()), HasSubstr("that is for that"));
}

TEST_F(ConfinedPathsTest, WithoutRootsNothingIsAllowed) {
  const ConfinedPaths paths({}, "--allow-path");
  EXPECT_EQ(Read(paths, base_ + "/allowed/a.txt"), "PERMISSION_DENIED");
  EXPECT_EQ(Read(paths, base_ + "/missing"), "PERMISSION_DENIED");
}

TEST_F(ConfinedPathsTest, RootSlashOpensAsAPlainOpen) {
  const ConfinedPaths paths({"/"}, "--allow-path");
  std::filesystem::create_symlink(base_ + "/other/secret.txt", base_ + "/allowed/absolute");
  EXPECT_EQ(Read(paths, base_ + "/allowed/absolute"), "outside");
  EXPECT_EQ(Read(paths, base_ + "/missing"), "NOT_FOUND");
}

TEST_F(ConfinedPathsTest, OnlyRegularFilesAndWithoutWaiting) {
  const ConfinedPaths paths({base_}, "--allow-path");
  ASSERT_EQ(mkfifo((base_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(Read(paths, base_ + "/fifo"), "INVALID_ARGUMENT");
  EXPECT_EQ(Read(paths, base_ + "/allowed"), "INVALID_ARGUMENT");
  EXPECT_EQ(Read(paths, base_ + "/allowed/missing"), "NOT_FOUND");
  EXPECT_EQ(Read(paths, base_ + "/allowed/a.txt/x"), "NOT_FOUND");
  EXPECT_EQ(Read(paths, "relative.txt"), "INVALID_ARGUMENT");
  EXPECT_EQ(Read(paths, base_ + std::string("/a\0b", 4)), "INVALID_ARGUMENT");
  EXPECT_EQ(Read(paths, "/" + std::string(10'000, 'x')), "PERMISSION_DENIED");
  EXPECT_EQ(Read(paths, base_ + "/" + std::string(10'000, 'x')), "INVALID_ARGUMENT");
}

TEST_F(ConfinedPathsTest, BoundsTheSize) {
  const ConfinedPaths paths({base_}, "--allow-path");
  EXPECT_EQ(paths.ReadFile(base_ + "/allowed/a.txt", 5).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(paths.ReadFile(base_ + "/allowed/a.txt", 6).ok());
}

TEST_F(ConfinedPathsTest, ResolvesDirectories) {
  const ConfinedPaths paths({base_}, "--allow-path");
  std::filesystem::create_symlink("allowed", base_ + "/link");
  EXPECT_EQ(paths.ResolveDirectory(base_ + "/link/sub/.").value().path, base_ + "/allowed/sub");
  EXPECT_EQ(paths.ResolveDirectory(base_ + "/link/sub/.").value().root, base_);
  EXPECT_FALSE(paths.ResolveDirectory(base_ + "/allowed/a.txt").ok());
  EXPECT_FALSE(paths.ResolveDirectory("/etc").ok());
}

TEST_F(ConfinedPathsTest, TheOutermostRootConfines) {
  std::filesystem::create_symlink("allowed", base_ + "/link");
  const auto root_of = [this](const std::vector<std::string>& roots) {
    return ConfinedPaths(roots, "--allow-path").ResolveDirectory(roots.front() + "/sub").value().root;
  };
  EXPECT_EQ(root_of({base_ + "/link"}), base_ + "/allowed");
  EXPECT_EQ(root_of({base_ + "/allowed", base_}), base_);
  EXPECT_EQ(root_of({base_ + "/allowed", base_, "/"}), "");
}

}  // namespace
}  // namespace accelerd
