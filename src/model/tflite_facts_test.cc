#include "model/tflite_facts.h"

#include <zip.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "flatbuffers/flatbuffers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/zip_member.h"
#include "tflite_generated.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Finish(flatbuffers::FlatBufferBuilder& builder) {
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

/// Metadata of one image input and one output with the labels file labels.txt.
std::string Metadata(const std::vector<float>& mean, const std::vector<float>& std) {
  flatbuffers::FlatBufferBuilder builder;
  const auto options = tflite::CreateNormalizationOptionsDirect(builder, &mean, &std);
  std::vector<flatbuffers::Offset<tflite::ProcessUnit>> units = {
      tflite::CreateProcessUnit(builder, tflite::ProcessUnitOptions::NormalizationOptions, options.Union())};
  const auto image =
      tflite::CreateImageProperties(builder, tflite::ColorSpaceType::RGB, tflite::CreateImageSize(builder, 64, 48));
  const auto content = tflite::CreateContent(builder, tflite::ContentProperties::ImageProperties, image.Union());
  std::vector<flatbuffers::Offset<tflite::TensorMetadata>> inputs = {
      tflite::CreateTensorMetadataDirect(builder, "image", content, &units)};
  std::vector<flatbuffers::Offset<tflite::AssociatedFile>> files = {
      tflite::CreateAssociatedFileDirect(builder, "readme.txt", tflite::AssociatedFileType::DESCRIPTIONS),
      tflite::CreateAssociatedFileDirect(builder, "etiketten.txt", tflite::AssociatedFileType::TENSOR_AXIS_LABELS,
                                         "de"),
      tflite::CreateAssociatedFileDirect(builder, "labels.txt", tflite::AssociatedFileType::TENSOR_AXIS_LABELS)};
  std::vector<flatbuffers::Offset<tflite::TensorMetadata>> outputs = {
      tflite::CreateTensorMetadataDirect(builder, "scores", 0, nullptr, &files)};
  std::vector<flatbuffers::Offset<tflite::SubGraphMetadata>> graphs = {
      tflite::CreateSubGraphMetadataDirect(builder, &inputs, &outputs)};
  builder.Finish(tflite::CreateModelMetadataDirect(builder, "m", nullptr, nullptr, &graphs), "M001");
  return Finish(builder);
}

std::string Model(const std::string& metadata, const std::vector<const char*>& custom = {}) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<tflite::OperatorCode>> codes;
  for (const char* name : custom) {
    codes.push_back(tflite::CreateOperatorCodeDirect(builder, name));
  }
  const std::vector<std::uint8_t> bytes(metadata.begin(), metadata.end());
  std::vector<flatbuffers::Offset<tflite::Buffer>> buffers = {tflite::CreateBuffer(builder),
                                                              tflite::CreateBufferDirect(builder, &bytes)};
  std::vector<flatbuffers::Offset<tflite::Metadata>> entries = {
      tflite::CreateMetadataDirect(builder, "min_runtime_version", 0),
      tflite::CreateMetadataDirect(builder, "TFLITE_METADATA", 1)};
  builder.Finish(tflite::CreateModelDirect(builder, 3, &codes, nullptr, &buffers, &entries), "TFL3");
  return Finish(builder);
}

/// `file` with a zip archive appended, whose offsets count from the start of the archive, or of the file as the
/// metadata's writer has it.
std::string WithMembers(const std::string& file, const std::map<std::string, std::string>& members,
                        bool from_start = false) {
  std::string path = testing::TempDir() + "tflite_facts_test.XXXXXX";
  close(mkstemp(path.data()));
  int error = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  for (const auto& [name, text] : members) {
    zip_file_add(archive, name.c_str(), zip_source_buffer(archive, text.data(), text.size(), 0), ZIP_FL_OVERWRITE);
  }
  zip_close(archive);
  std::ifstream stream(path, std::ios::binary);
  std::string zip{std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(path);
  if (from_start) {
    const auto add = [&](std::size_t at) {
      std::uint32_t offset = 0;
      std::memcpy(&offset, zip.data() + at, sizeof(offset));
      offset += static_cast<std::uint32_t>(file.size());
      std::memcpy(zip.data() + at, &offset, sizeof(offset));
    };
    for (std::size_t at = 0; (at = zip.find("PK\x01\x02", at)) != std::string::npos; ++at) {
      add(at + 42);
    }
    add(zip.rfind("PK\x05\x06") + 16);
  }
  return file + zip;
}

TEST(TfliteFacts, ReadsNormalisationColoursAndLabels) {
  const std::string file = WithMembers(Model(Metadata({127.5F}, {127.5F, 2, 3})),
                                       {{"labels.txt", "cat\ndog\n"}, {"etiketten.txt", "Katze\nHund\n"}});
  const absl::StatusOr<TfliteFacts> facts = ReadTfliteFacts(file);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_THAT(facts->stated.warnings, IsEmpty());
  const ModelMetadata& metadata = facts->stated.metadata;
  EXPECT_THAT(metadata.mean->value, ElementsAre(127.5F));
  EXPECT_THAT(metadata.scale->value, ElementsAre(127.5F, 2, 3));
  EXPECT_EQ(metadata.scale->from, Origin::kTfliteMetadata);
  EXPECT_EQ(metadata.color_order->value, ColorOrder::kRgb);
  EXPECT_THAT(metadata.input_size->value, ElementsAre(64, 48));
  EXPECT_THAT(metadata.labels->value, ElementsAre("cat", "dog"));
}

TEST(TfliteFacts, ReadsWhatUltralyticsPacks) {
  const std::string file = WithMembers(
      Model(""), {{"metadata.json", R"({"author": "Ultralytics", "names": {"0": "person"}, "task": "detect"})"}});
  const absl::StatusOr<TfliteFacts> facts = ReadTfliteFacts(file);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->stated.metadata.labels->value, ElementsAre("person"));
  EXPECT_THAT(facts->stated.metadata.scale->value, ElementsAre(255));
}

TEST(TfliteFacts, NamesCustomOperationsOnce) {
  const absl::StatusOr<TfliteFacts> facts = ReadTfliteFacts(Model("", {"edgetpu-custom-op", "", "B", "B"}));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->custom_operations, ElementsAre("edgetpu-custom-op", "B"));
  EXPECT_TRUE(facts->stated.metadata.empty());
}

TEST(TfliteFacts, DamagedMetadataIsLeftOutWithAWarning) {
  EXPECT_THAT(ReadTfliteFacts(Model("garbage"))->stated.warnings, ElementsAre(HasSubstr("metadata is damaged")));
  EXPECT_THAT(ReadTfliteFacts(Model(Metadata({1}, {0})))->stated.warnings,
              ElementsAre(HasSubstr("the scale is not"), HasSubstr("labels are not used")));
  const std::string large = WithMembers(Model(Metadata({1}, {2})), {{"labels.txt", std::string((1 << 20) + 1, 'x')}});
  EXPECT_THAT(ReadTfliteFacts(large)->stated.warnings, ElementsAre(HasSubstr("the limit is")));
}

TEST(TfliteFacts, WithstandsEveryTruncationAndDamage) {
  const std::string file = WithMembers(Model(Metadata({127.5F}, {127.5F}), {"custom"}), {{"labels.txt", "cat\ndog\n"}});
  for (std::size_t length = 0; length < file.size(); ++length) {
    static_cast<void>(ReadTfliteFacts(file.substr(0, length)).ok());
    std::string damaged = file;
    damaged[length] = static_cast<char>(~damaged[length]);
    static_cast<void>(ReadTfliteFacts(damaged).ok());
  }
  EXPECT_EQ(ReadTfliteFacts("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadTfliteFacts(std::string(100, '\xff')).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ZipMember, SaysWhatIsMissing) {
  const std::string file = WithMembers("prefix", {{"a.txt", "text"}, {"c.txt", std::string(1000, 'c')}});
  EXPECT_EQ(*ReadZipMember(file, "a.txt", 4), "text");
  const std::string from_start = WithMembers("prefix", {{"b.txt", "more"}, {"a.txt", "text"}}, /*from_start=*/true);
  EXPECT_EQ(*ReadZipMember(from_start, "a.txt", 4), "text");
  EXPECT_EQ(ReadZipMember(file, "a.txt", 3).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadZipMember(file, "b.txt", 4).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadZipMember("prefix", "a.txt", 4).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace accelerd
