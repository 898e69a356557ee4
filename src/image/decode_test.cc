#include "image/decode.h"

#include <chrono>
#include <memory>
#include <stop_token>
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
    EXPECT_THAT(ErrorOf(bytes), HasSubstr("JPEG, PNG, WebP, BMP, TIFF"));
  }
}

TEST(DecodeImageTest, NamesWhatArrived) {
  Bytes pointer;
  Append(&pointer, std::string_view("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"));
  EXPECT_THAT(ErrorOf(pointer), HasSubstr("a Git LFS pointer and not the file that it stands for; run git lfs pull"));
}

TEST(DecodeImageTest, SignaturesAloneAreTruncatedFiles) {
  EXPECT_THAT(ErrorOf({0xFF, 0xD8, 0xFF}), HasSubstr("JPEG image: "));
  EXPECT_THAT(ErrorOf({0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}), HasSubstr("PNG image: it is truncated"));
  EXPECT_THAT(ErrorOf({'B', 'M'}), HasSubstr("BMP image: it is truncated"));
  EXPECT_THAT(ErrorOf({'R', 'I', 'F', 'F', 100, 0, 0, 0, 'W', 'E', 'B', 'P'}),
              HasSubstr("WebP image: it is truncated"));
  EXPECT_THAT(ErrorOf({'I', 'I', '*', 0}), HasSubstr("TIFF image: "));
  EXPECT_THAT(ErrorOf({'P', '6', '\n'}), HasSubstr("PNM image: it is truncated"));
}

/// 1 x 1 pixel, grey.
const Bytes kPgm = {'P', '5', ' ', '1', ' ', '1', ' ', '2', '5', '5', ' ', 7};

TEST(DecodeImageTest, GivesUpWhenNobodyWaits) {
  std::stop_source left;
  DecodeOptions options = {.stop = {.left = left.get_token()}};
  EXPECT_TRUE(DecodeImage(std::as_bytes(std::span(kPgm)), options).ok());
  left.request_stop();
  EXPECT_EQ(DecodeImage(std::as_bytes(std::span(kPgm)), options).status().code(), absl::StatusCode::kCancelled);
  options.stop = {.deadline = Clock::Steady().Now() - std::chrono::seconds(1)};
  EXPECT_EQ(DecodeImage(std::as_bytes(std::span(kPgm)), options).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(DecodeImageTest, LimitsNameTheirOptions) {
  const auto refusal = [](const DecodeOptions& options) {
    const absl::Status status = DecodeImage(std::as_bytes(std::span(kPgm)), options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    return std::string(Message(status));
  };
  EXPECT_THAT(refusal({.limits = {.max_pixels = 0}}), HasSubstr("1 x 1 pixels; --max-image-pixels allows at most 0"));
  EXPECT_THAT(refusal({.limits = {.max_dimension = 0}}), HasSubstr("--max-image-dimension allows at most 0"));
  EXPECT_THAT(refusal({.memory = std::make_shared<DecodeMemory>(2)}), HasSubstr("--max-decode-bytes allows at most 2"));
}

}  // namespace
}  // namespace accelerd
