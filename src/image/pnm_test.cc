#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;
using std::string_view_literals::operator""sv;

Bytes BytesOf(std::string_view text) {
  return {text.begin(), text.end()};
}

Bytes PixelsOf(std::string_view file) {
  const auto image = Decode(BytesOf(file));
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? ToBytes(image->pixels) : Bytes();
}

Bytes Gray(const Bytes& values) {
  Bytes pixels;
  for (const std::uint8_t value : values) {
    pixels.insert(pixels.end(), 3, value);
  }
  return pixels;
}

std::string ErrorOf(std::string_view file) {
  const absl::Status status = Decode(BytesOf(file)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << file;
  return std::string(Message(status));
}

TEST(PnmTest, Bits) {
  EXPECT_EQ(PixelsOf("P1\n3 2\n1 0 1\n010"), Gray({0, 255, 0, 255, 0, 255}));
  EXPECT_EQ(PixelsOf("P4 9 1 \xA0\x80"), Gray({0, 255, 0, 255, 255, 255, 255, 255, 0}));
}

TEST(PnmTest, Grey) {
  EXPECT_EQ(PixelsOf("P2\n# a comment\n2 2 # another\n15\n0 15\n3 99\n"), Gray({0, 255, 51, 255}));
  EXPECT_EQ(PixelsOf("P2 1 1 65535 4660"), Gray({0x12}));
  EXPECT_EQ(PixelsOf("P5 2 1 255 \x01\xFF"), Gray({1, 255}));
  EXPECT_EQ(PixelsOf("P5 2 1 100 \x01\x64"), Gray({1, 100})) << "binary samples are not stretched";
  EXPECT_EQ(PixelsOf("P5 1 1 65535 \x12\x34"), Gray({0x12}));
}

TEST(PnmTest, Colors) {
  EXPECT_EQ(PixelsOf("P3 1 1 255 1 2 3"), (Bytes{3, 2, 1}));
  EXPECT_EQ(PixelsOf("P6 1 2 255\n\x01\x02\x03\x04\x05\x06"), (Bytes{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(PixelsOf("P6 1 1 256 \x01\x11\x02\x22\x03\x33"), (Bytes{3, 2, 1}));
}

TEST(PnmTest, TruncatedFilesAreRefused) {
  for (const std::string_view whole : {"P6 2 1 255 abcdef"sv, "P2 2 1 255 17 18"sv, "P1 2 2 0 1 1 0"sv}) {
    ASSERT_TRUE(Decode(BytesOf(whole)).ok());
    for (std::size_t size = 3; size + 1 < whole.size(); ++size) {
      ErrorOf(whole.substr(0, size));
    }
  }
}

TEST(PnmTest, ImpossibleFilesAreRefused) {
  EXPECT_THAT(ErrorOf("P6 0 1 255 "), HasSubstr("0 x 1"));
  EXPECT_THAT(ErrorOf("P6 1 1 0 abc"), HasSubstr("samples up to 0"));
  EXPECT_THAT(ErrorOf("P6 1 1 65536 abcabc"), HasSubstr("samples up to 65536"));
  EXPECT_THAT(ErrorOf("P6 -1 1 255 abc"), HasSubstr("header"));
  EXPECT_THAT(ErrorOf("P6 99999999999999999999 1 255 abc"), HasSubstr("header"));
  EXPECT_THAT(ErrorOf("P2 2 1 255 1 x 3"), HasSubstr("no number"));
  EXPECT_EQ(Decode(BytesOf("P6 60000 60000 255 ")).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace accelerd
