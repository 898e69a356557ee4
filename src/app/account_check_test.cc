#include "app/account_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fmt/core.h"

namespace accelerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AccountCheckTest : public ::testing::Test {
 protected:
  AccountCheckTest() : folder_(fmt::format("{}accelerd_account_{}", ::testing::TempDir(), getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~AccountCheckTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_;
};

TEST_F(AccountCheckTest, AFolderThatExistsOrCanBeCreated) {
  EXPECT_TRUE(CheckWritableFolder(folder_).ok());
  EXPECT_TRUE(CheckWritableFolder(folder_ + "/a/b/c").ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/a"));
}

TEST_F(AccountCheckTest, AFileInTheWay) {
  std::ofstream(folder_ + "/file") << "x";
  EXPECT_THAT(std::string(Message(CheckWritableFolder(folder_ + "/file"))), HasSubstr("/file is not a folder"));
  EXPECT_THAT(std::string(Message(CheckWritableFolder(folder_ + "/file/cache"))),
              HasSubstr("/file/cache cannot be used"));
}

TEST_F(AccountCheckTest, DropsOnlyWhatCannotBeUsed) {
  ServeOptions options;
  options.cache_dir = "/dev/null/accelerd";
  options.state_dir = folder_;
  EXPECT_THAT(DropUnusableFolders(options), ElementsAre(AllOf(HasSubstr("cache-dir: /dev/null/accelerd cannot be used"),
                                                              HasSubstr("--cache-dir none"))));
  EXPECT_EQ(options.cache_dir, "");
  EXPECT_EQ(options.state_dir, folder_);
}

TEST_F(AccountCheckTest, Groups) {
  EXPECT_TRUE(CheckGroup("").ok());
  EXPECT_EQ(CheckGroup("accelerd-no-such-group").code(), absl::StatusCode::kNotFound);
  if (geteuid() == 0) {
    EXPECT_TRUE(CheckGroup("audio").ok());
  }
}

}  // namespace
}  // namespace accelerd
