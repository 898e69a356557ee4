#include "engine/kept_files.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/file.h"
#include "base/hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::IsEmpty;

class KeptFilesTest : public testing::Test {
 protected:
  KeptFilesTest() {
    std::string pattern = testing::TempDir() + "/kept-XXXXXX";
    folder_ = fs::canonical(mkdtemp(pattern.data()));
    fs::create_directories(folder_ / "models");
  }
  ~KeptFilesTest() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, std::string_view text) {
    const fs::path path = folder_ / "models" / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  static std::string HashOf(std::string_view text) { return ToHex(Sha256Of(text)); }

  /// Keeps the files, the main one first, as contents with the hash of `text`.
  void Put(KeptFiles& kept, const std::vector<std::string>& files, std::string_view text,
           ModelFormat format = ModelFormat::kOpenvinoIr) {
    const ModelFiles model{.main = files.front(), .format = format, .card = ""};
    ModelInfo info;
    info.content_hash = HashOf(text);
    info.files = files;
    kept.Put(model, info, StampFiles(files));
  }

  std::optional<ModelFiles> Find(const KeptFiles& kept, std::string_view text,
                                 ModelFormat format = ModelFormat::kOpenvinoIr) const {
    const char* const name = format == ModelFormat::kOnnx ? "any.onnx" : "any.xml";
    return kept.Find({.main = folder_ / name, .format = format, .card = ""}, HashOf(text));
  }

  static std::string TextOf(const std::string& path) { return ReadFile(path, 1 << 20).value_or("(none)"); }

  fs::path folder_;
};

TEST_F(KeptFilesTest, KeepsAnIrUnderAnyName) {
  KeptFiles kept(folder_ / "kept");
  Put(kept, {Write("a.xml", "graph"), Write("a.bin", "weights")}, "a");
  Write("a.xml", "half");
  const std::optional<ModelFiles> copy = Find(kept, "a");
  ASSERT_TRUE(copy);
  EXPECT_EQ(TextOf(copy->main), "graph");
  EXPECT_EQ(TextOf(copy->weights()), "weights");
  EXPECT_FALSE(Find(kept, "b"));
  struct stat folder{};
  ASSERT_EQ(stat((folder_ / "kept").c_str(), &folder), 0);
  EXPECT_EQ(folder.st_mode & 0077U, 0U) << "others may not read what they may not read elsewhere";
  kept.Remove(HashOf("a"));
  EXPECT_FALSE(Find(kept, "a"));
}

TEST_F(KeptFilesTest, KeepsSideFilesByTheNamesThatTheMainFileKnows) {
  KeptFiles kept(folder_ / "kept");
  Put(kept, {Write("a.onnx", "graph"), Write("a.data", "1"), Write("more/b.data", "2")}, "a", ModelFormat::kOnnx);
  const std::optional<ModelFiles> copy = Find(kept, "a", ModelFormat::kOnnx);
  ASSERT_TRUE(copy);
  const fs::path folder = fs::path(copy->main).parent_path();
  EXPECT_EQ(TextOf(folder / "a.data"), "1");
  EXPECT_EQ(TextOf(folder / "more/b.data"), "2");
}

TEST_F(KeptFilesTest, KeepsNoFileThatHasChanged) {
  KeptFiles kept(folder_ / "kept");
  const std::string main = Write("a.xml", "graph");
  const std::vector<FileStamp> stamps = StampFiles({main});
  Write("a.xml", "other");
  ModelInfo info;
  info.content_hash = HashOf("a");
  info.files = {main};
  kept.Put({.main = main, .card = ""}, info, stamps);
  EXPECT_FALSE(Find(kept, "a"));
  EXPECT_TRUE(fs::is_empty(folder_ / "kept"));
}

TEST_F(KeptFilesTest, NothingLeavesTheFolderAndNoHashIsAPath) {
  KeptFiles kept(folder_ / "kept");
  testing::internal::CaptureStderr();
  Put(kept, {Write("in/a.xml", "graph"), Write("outside.bin", "secret")}, "a");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("outside.bin"));
  EXPECT_FALSE(Find(kept, "a"));
  ModelInfo info;
  info.content_hash = "../../" + std::string(58, 'a');
  info.files = {Write("a.xml", "graph")};
  kept.Put({.main = info.files.front(), .card = ""}, info, StampFiles(info.files));
  kept.Remove("../models");
  EXPECT_TRUE(fs::exists(folder_ / "models/a.xml"));
  EXPECT_TRUE(fs::is_empty(folder_ / "kept"));
}

TEST_F(KeptFilesTest, ForgetsWhatWasNotUsedForLongestBeyondTheBound) {
  KeptFiles kept(folder_ / "kept", 250);
  const auto age = [&](std::string_view text, int hours) {
    fs::last_write_time(folder_ / "kept" / HashOf(text), fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  Put(kept, {Write("a.xml", std::string(100, 'a'))}, "a");
  Put(kept, {Write("b.xml", std::string(100, 'b'))}, "b");
  age("a", 1);
  age("b", 2);
  Put(kept, {Write("c.xml", std::string(100, 'c'))}, "c");
  EXPECT_TRUE(Find(kept, "a"));
  EXPECT_FALSE(Find(kept, "b"));
  EXPECT_TRUE(Find(kept, "c"));
  Put(kept, {Write("d.xml", std::string(300, 'd'))}, "d");
  EXPECT_FALSE(Find(kept, "d")) << "larger than the bound";
  EXPECT_TRUE(Find(kept, "a"));
}

TEST_F(KeptFilesTest, AFolderThatCannotBeMadeIsSaidOnce) {
  KeptFiles kept(Write("file", "") + "/kept");
  testing::internal::CaptureStderr();
  Put(kept, {Write("a.xml", "graph")}, "a");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("no copy of"));
  testing::internal::CaptureStderr();
  Put(kept, {Write("a.xml", "graph")}, "a");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
  KeptFiles none("");
  Put(none, {Write("a.xml", "graph")}, "a");
  EXPECT_FALSE(Find(none, "a"));
}

}  // namespace
}  // namespace accelerd
