#include "base/file.h"

#include <sys/stat.h>

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
