#include "base/file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "file_test.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(std::string_view name) const { return directory_ + "/" + std::string(name); }

  std::string directory_;
};

TEST_F(FileTest, WritesAndReads) {
  const std::array<std::string_view, 3> parts = {"one", std::string_view("\0", 1), "two"};
  ASSERT_TRUE(WriteFileAtomically(Path("a"), parts).ok());
  EXPECT_EQ(*ReadFile(Path("a"), 7), std::string("one\0two", 7));
}

TEST_F(FileTest, LeavesNoTemporaryFile) {
  const std::array<std::string_view, 1> parts = {"x"};
  ASSERT_TRUE(WriteFileAtomically(Path("a"), parts).ok());
  std::filesystem::create_directory(Path("taken"));
  EXPECT_FALSE(WriteFileAtomically(Path("taken"), parts).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 2);
}

TEST_F(FileTest, RefusesMoreThanTheBound) {
  std::ofstream(Path("a")) << "12345";
  const absl::Status status = ReadFile(Path("a"), 4).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("has 5 bytes; the limit is 4"));
}

TEST_F(FileTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(Path("fifo"), 100).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(directory_, 100).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(Path("missing"), 100).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, SaysWhenAFileWasShortened) {
  std::ofstream(Path("a")) << "12345";
  absl::StatusOr<InputFile> file = InputFile::Open(Path("a"), 100);
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(Path("a"), 2);
  std::array<std::byte, 5> bytes{};
  EXPECT_EQ(file->Read(bytes).code(), absl::StatusCode::kUnavailable);
}

TEST_F(FileTest, AFileThatDoesNotFitIntoMemoryIsRefused) {
  std::ofstream(Path("sparse")) << "x";
  std::error_code error;
  std::filesystem::resize_file(Path("sparse"), std::uint64_t{1} << 42U, error);
  if (error) {
    GTEST_SKIP() << "no files of this size here: " << error.message();
  }
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  const rlimit bounded{std::min<rlim_t>(before.rlim_max, rlim_t{1} << 41U), before.rlim_max};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process instead";
#endif
  setrlimit(RLIMIT_AS, &bounded);
  const absl::Status status = ReadFile(Path("sparse"), std::uint64_t{1} << 43U).status();
  setrlimit(RLIMIT_AS, &before);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST_F(FileTest, FoldersKeepToThemselves) {
  std::filesystem::create_directories(Path("folder/below"));
  std::ofstream(Path("folder/below/a")) << "inside";
  std::ofstream(Path("secret")) << "outside";
  std::filesystem::create_symlink("below/a", Path("folder/inner"));
  std::filesystem::create_symlink("../secret", Path("folder/outer"));
  std::filesystem::create_symlink(Path("secret"), Path("folder/absolute"));
  std::filesystem::create_symlink("../absent", Path("folder/dangling"));
  const InputFolder folder = *InputFolder::Open(Path("folder"));
  EXPECT_EQ(*folder.OpenFile("below/a", 100)->ReadAll(), "inside");
  EXPECT_EQ(*folder.OpenFile("inner", 100)->ReadAll(), "inside");
  for (const char* name : {"outer", "absolute", "dangling", "../secret", "../absent"}) {
    const absl::Status status = folder.OpenFile(name, 100).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  }
  EXPECT_EQ(folder.OpenFile("absent", 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*folder.OpenLinkedFile("outer", 100)->ReadAll(), "outside");
  EXPECT_EQ(folder.OpenLinkedFile("outer", 100)->RealDirectory(), std::filesystem::canonical(directory_));
  EXPECT_FALSE(InputFolder().OpenFile("a", 100).ok());
  EXPECT_EQ(InputFolder::Open(Path("absent")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, LinksStayBeneathTheRoot) {
  const std::string root = std::filesystem::canonical(directory_) / "root";
  std::filesystem::create_directories(root + "/folder");
  std::filesystem::create_directories(root + "/other");
  std::filesystem::create_directory(Path("out"));
  for (const char* name : {"root/folder/a", "root/other/b", "out/a"}) {
    std::ofstream(Path(name)) << name;
  }
  std::filesystem::create_symlink("../other/b", root + "/folder/within");
  std::filesystem::create_symlink("../../out/a", root + "/folder/out");
  std::filesystem::create_symlink("../../absent", root + "/folder/dangling");
  const InputFolder folder = *InputFolder::Open(root + "/folder", root);
  EXPECT_EQ(*folder.OpenLinkedFile("a", 100)->ReadAll(), "root/folder/a");
  EXPECT_EQ(*folder.OpenLinkedFile("within", 100)->ReadAll(), "root/other/b");
  EXPECT_FALSE(folder.OpenFile("within", 100).ok());
  EXPECT_TRUE(folder.CheckLinkedFile("within").ok());
  for (const char* name : {"out", "dangling", "../../out/a"}) {
    EXPECT_EQ(folder.OpenLinkedFile(name, 100).status().code(), absl::StatusCode::kPermissionDenied) << name;
    EXPECT_EQ(folder.CheckLinkedFile(name).code(), absl::StatusCode::kPermissionDenied) << name;
  }
  EXPECT_EQ(folder.CheckLinkedFile("absent").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(folder.CheckLinkedFile("../other").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(folder.Names(), testing::UnorderedElementsAre("a", "within", "out", "dangling"));

  for (const char* path : {"/out", "/root/folder/../../out", "/rootx"}) {
    EXPECT_EQ(InputFolder::Open(std::filesystem::canonical(directory_).string() + path, root).status().code(),
              absl::StatusCode::kPermissionDenied)
        << path;
  }
  std::filesystem::rename(root + "/folder", root + "/was");
  std::filesystem::create_symlink("../out", root + "/folder");
  EXPECT_EQ(InputFolder::Open(root + "/folder", root).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(*folder.OpenLinkedFile("a", 100)->ReadAll(), "root/folder/a");
  EXPECT_FALSE(folder.OpenLinkedFile("within", 100).ok());  // Looked for from the root, where its folder leads out now.
}

TEST_F(FileTest, FoldersAreNotReplaced) {
  std::filesystem::create_directory(Path("folder"));
  std::ofstream(Path("folder/a")) << "old";
  const InputFolder folder = *InputFolder::Open(Path("folder"));
  std::filesystem::rename(Path("folder"), Path("moved"));
  std::filesystem::create_directory(Path("folder"));
  std::ofstream(Path("folder/a")) << "new";
  EXPECT_EQ(*folder.OpenFile("a", 100)->ReadAll(), "old");
}

TEST_F(FileTest, MakesDirectories) {
  EXPECT_TRUE(MakeDirectories(Path("a/b/c")).ok());
  EXPECT_TRUE(MakeDirectories(Path("a/b/c")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("a/b/c")));
  std::ofstream(Path("file")) << "x";
  EXPECT_FALSE(MakeDirectories(Path("file")).ok());
  EXPECT_FALSE(MakeDirectories(Path("file/below")).ok());
}

}  // namespace
}  // namespace accelerd
