#include "backend/openvino/named_copy.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "backend/test_directory.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

namespace fs = std::filesystem;

/// Names another temporary folder for as long as it lives. No other thread of the test reads the environment.
class TemporaryFolder {
 public:
  // NOLINTBEGIN(concurrency-mt-unsafe)
  explicit TemporaryFolder(const std::string& path) {
    const char* const before = std::getenv("TMPDIR");
    before_ = before == nullptr ? "" : before;
    setenv("TMPDIR", path.c_str(), 1);
  }
  ~TemporaryFolder() { before_.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before_.c_str(), 1); }
  // NOLINTEND(concurrency-mt-unsafe)
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

 private:
  std::string before_;
};

TEST(NamedCopyTest, IsReadByItsPathAndLeavesNothingBehind) {
  const TestDirectory directory;
  const TemporaryFolder temporary(directory.path());
  {
    absl::StatusOr<NamedCopy> made = NamedCopy::Make("model.tflite", "contents");
    ASSERT_TRUE(made.ok()) << made.status();
    const NamedCopy copy = *std::move(made);
    EXPECT_EQ(fs::path(copy.path()).filename(), "model.tflite");
    EXPECT_EQ(ReadFile(copy.path(), 100).value(), "contents");
    EXPECT_FALSE(fs::is_empty(directory.path()));
  }
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(NamedCopyTest, SaysWhichFolderItCannotUse) {
  const TemporaryFolder temporary("/proc");
  EXPECT_THAT(Message(NamedCopy::Make("model.tflite", "contents").status()),
              testing::HasSubstr("cannot use the temporary folder /proc/accelerd-"));
}

}  // namespace
}  // namespace accelerd::openvino
