#include "backend/openvino/compiled_cache.h"

#include <chrono>
#include <fstream>
#include <iterator>

#include "backend/test_directory.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

namespace fs = std::filesystem;

const std::string kHash(64, 'a');
const std::string kOtherHash(64, 'b');

std::string Text(const std::optional<ov::Tensor>& tensor) {
  return tensor ? std::string(static_cast<const char*>(tensor->data()), tensor->get_byte_size()) : "nothing";
}

std::string OnlyFile(const std::string& directory) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) {
      return entry.path();
    }
  }
  return "";
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST(CompiledCache, KeepsByContentAndKey) {
  const TestDirectory directory;
  const CompiledCache cache(directory / "made/when/needed");
  EXPECT_EQ(Text(cache.Find(kHash, "key")), "nothing");
  cache.Store(kHash, "key", "compiled");
  cache.Store(kHash, "other key", "");
  EXPECT_EQ(Text(cache.Find(kHash, "key")), "compiled");
  EXPECT_EQ(Text(cache.Find(kHash, "other key")), "");
  EXPECT_EQ(Text(cache.Find(kOtherHash, "key")), "nothing");
  cache.Store(kHash, "key", "compiled again");
  EXPECT_EQ(Text(cache.Find(kHash, "key")), "compiled again");
}

TEST(CompiledCache, DetectsEveryFlippedByte) {
  const TestDirectory directory;
  const CompiledCache cache(directory.path());
  cache.Store(kHash, "key", "compiled bytes of a model");
  const std::string path = OnlyFile(directory.path());
  const std::string intact = Slurp(path);
  for (std::size_t i = 0; i < intact.size(); ++i) {
    std::string damaged = intact;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    Spill(path, damaged);
    ASSERT_EQ(Text(cache.Find(kHash, "key")), "nothing") << "byte " << i;
  }
  for (std::size_t length = 0; length < intact.size(); ++length) {
    Spill(path, intact.substr(0, length));
    ASSERT_EQ(Text(cache.Find(kHash, "key")), "nothing") << "length " << length;
  }
  Spill(path, intact + "x");
  EXPECT_EQ(Text(cache.Find(kHash, "key")), "nothing");
  Spill(path, intact);
  EXPECT_EQ(Text(cache.Find(kHash, "key")), "compiled bytes of a model");
}

TEST(CompiledCache, AnEntryIsNotAnothersEntry) {
  const TestDirectory directory;
  const CompiledCache cache(directory.path());
  cache.Store(kHash, "key", "compiled");
  fs::copy(directory / kHash, directory / kOtherHash);
  EXPECT_EQ(Text(cache.Find(kOtherHash, "key")), "nothing");
}

TEST(CompiledCache, AnUnwritableDirectoryIsNoError) {
  const TestDirectory directory;
  Spill(directory / "file", "x");
  const CompiledCache cache(directory / "file");
  cache.Store(kHash, "key", "compiled");
  EXPECT_EQ(Text(cache.Find(kHash, "key")), "nothing");
}

TEST(CompiledCache, RemovesWhatWasNotUsedForLongest) {
  const TestDirectory directory;
  const CompiledCache cache(directory.path(), 1000);
  const std::string bytes(300, 'x');
  fs::create_directories(directory / "not ours");
  Spill(directory / "not ours/large", std::string(5000, 'x'));
  const auto age = [&](const std::string& hash, int hours) {
    for (const fs::directory_entry& entry : fs::directory_iterator(directory / hash)) {
      fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(hours));
    }
  };
  cache.Store(kHash, "key", bytes);
  age(kHash, 3);
  cache.Store(kOtherHash, "key", bytes);
  age(kOtherHash, 2);
  EXPECT_EQ(Text(cache.Find(kHash, "key")), bytes);  // Now the other is the older one.
  cache.Store(std::string(64, 'c'), "key", bytes);
  EXPECT_EQ(Text(cache.Find(kOtherHash, "key")), "nothing");
  EXPECT_FALSE(fs::exists(directory / kOtherHash));
  EXPECT_EQ(Text(cache.Find(kHash, "key")), bytes);
  EXPECT_EQ(Text(cache.Find(std::string(64, 'c'), "key")), bytes);
  EXPECT_TRUE(fs::exists(directory / "not ours/large"));
  cache.Store(kHash, "key", std::string(2000, 'x'));
  EXPECT_EQ(Text(cache.Find(kHash, "key")), bytes);
}

}  // namespace
}  // namespace accelerd::openvino
