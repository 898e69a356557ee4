#include "image/decode.h"

#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const Bytes& encoded) {
  const absl::StatusOr<Image> image = Decode(encoded);
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(Message(image.status()));
}

TEST(DecodeImageTest, EmptyAndForeignDataAreRefused) {
  EXPECT_EQ(ErrorOf({}), "the image is empty");
  for (const std::string_view text : {"B", "GIF89a", "\xFF\xD8", "RIFF1234WAVE", "\x89PNG\r\n", "hello, world"}) {
    Bytes bytes;
    Append(&bytes, text);
    EXPECT_THAT(ErrorOf(bytes), HasSubstr("JPEG, PNG, WebP and BMP"));
  }
}

TEST(DecodeImageTest, SignaturesAloneAreTruncatedFiles) {
  EXPECT_THAT(ErrorOf({0xFF, 0xD8, 0xFF}), HasSubstr("JPEG image: "));
  EXPECT_THAT(ErrorOf({0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}), HasSubstr("PNG image: it is truncated"));
  EXPECT_THAT(ErrorOf({'B', 'M'}), HasSubstr("BMP image: it is truncated"));
  EXPECT_THAT(ErrorOf({'R', 'I', 'F', 'F', 100, 0, 0, 0, 'W', 'E', 'B', 'P'}),
              HasSubstr("WebP image: it is truncated"));
}

}  // namespace
}  // namespace accelerd
