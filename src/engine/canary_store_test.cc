#include "engine/canary_store.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBlock = 4 << 10;

class CanaryStoreTest : public testing::Test {
 protected:
  CanaryStoreTest() {
    std::string pattern = testing::TempDir() + "/canaries-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~CanaryStoreTest() override { fs::remove_all(directory_); }

  static CanaryReference Reference(double value) {
    return {.repeatable = true, .outputs = {{.shape = {1, 2}, .integer = false, .values = {value, -value}}}};
  }

  /// As if the file had been used last so long ago.
  static void Age(const std::string& path, std::chrono::hours age) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - age);
  }

  std::string directory_;
};

TEST_F(CanaryStoreTest, KeepsReferencesFromOneStartToTheNext) {
  CanaryStore(directory_).Put("a", Reference(0.5));
  const std::optional<CanaryReference> found = CanaryStore(directory_).Find("a");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->repeatable);
  ASSERT_EQ(found->outputs.size(), 1U);
  EXPECT_EQ(found->outputs[0].shape, (Shape{1, 2}));
  EXPECT_EQ(found->outputs[0].values, (std::vector<double>{0.5, -0.5}));
  EXPECT_FALSE(CanaryStore(directory_).Find("b"));
}

TEST_F(CanaryStoreTest, KeepsThemInMemoryWithoutAFolder) {
  CanaryStore store("");
  store.Put("a", Reference(0.5));
  EXPECT_TRUE(store.Find("a"));
  EXPECT_FALSE(CanaryStore("").Find("a"));
}

TEST_F(CanaryStoreTest, ADamagedFileCountsAsNone) {
  CanaryStore store(directory_);
  store.Put("a", Reference(0.5));
  std::fstream(store.PathOf("a"), std::ios::in | std::ios::out).seekp(80) << 'x';
  EXPECT_FALSE(store.Find("a"));
}

TEST_F(CanaryStoreTest, RemovesWhatWasNotUsedForLongest) {
  CanaryStore store(directory_, 3 * kBlock);
  for (const std::string key : {"a", "b", "c"}) {
    store.Put(key, Reference(0.5));
    EXPECT_TRUE(store.Find(key));
  }
  Age(store.PathOf("a"), std::chrono::hours(3));
  Age(store.PathOf("b"), std::chrono::hours(2));
  Age(store.PathOf("c"), std::chrono::hours(1));
  EXPECT_TRUE(store.Find("a")) << "which is a use";
  store.Put("d", Reference(0.5));
  EXPECT_TRUE(store.Find("a"));
  EXPECT_FALSE(store.Find("b"));
  EXPECT_TRUE(store.Find("c"));
  EXPECT_TRUE(store.Find("d"));
}

TEST_F(CanaryStoreTest, TheNewestStaysThoughItIsTooLarge) {
  CanaryStore store(directory_, 1);
  store.Put("a", Reference(0.5));
  Age(store.PathOf("a"), std::chrono::hours(1));
  store.Put("b", Reference(0.5));
  EXPECT_FALSE(store.Find("a"));
  EXPECT_TRUE(store.Find("b"));
}

TEST_F(CanaryStoreTest, RemovesWhatInterruptedWritesLeftAndNothingElse) {
  CanaryStore store(directory_, kBlock);
  store.Put("a", Reference(0.5));
  const std::string left = store.PathOf("a") + ".x7Gf2k";
  const std::string foreign = directory_ + "/canaries/README";
  std::ofstream(left) << "half";
  std::ofstream(foreign) << "mine";
  Age(left, std::chrono::hours(1));
  Age(foreign, std::chrono::hours(1));
  store.Put("b", Reference(0.5));
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(foreign));
}

}  // namespace
}  // namespace accelerd
