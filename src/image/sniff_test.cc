#include "image/sniff.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;
using std::string_view_literals::operator""sv;

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct Case {
  std::string_view bytes;
  ContentUse use;
  std::string_view name;
};

TEST(SniffTest, TellsWhatBytesAre) {
  constexpr auto kImage = ContentUse::kImage;
  constexpr auto kOtherImage = ContentUse::kUnsupportedImage;
  constexpr auto kOther = ContentUse::kOther;
  const Case cases[] = {
      {"\xFF\xD8\xFF\xE0", kImage, "JPEG"},
      {"\x89PNG\r\n\x1A\n", kImage, "PNG"},
      {"RIFF\1\2\3\4WEBPVP8 ", kImage, "WebP"},
      {"BM\1\2", kImage, "BMP"},
      {"II*\0"sv, kImage, "TIFF"},
      {"MM\0*"sv, kImage, "TIFF"},
      {"P5\n1 1", kImage, "PGM"},
      {"P7\n", kOtherImage, "PAM"},
      {"GIF89a", kOtherImage, "GIF"},
      {"\0\0\0\x18"
       "ftypheic\0\0\0\0mif1heic"sv,
       kOtherImage, "HEIC"},
      {"\0\0\0\x1C"
       "ftypmif1\0\0\0\0mif1heicmiaf"sv,
       kOtherImage, "HEIC"},
      {"\0\0\0\x1C"
       "ftypmif1\0\0\0\0mif1avifmiaf"sv,
       kOtherImage, "AVIF"},
      {"\0\0\0\x18"
       "ftypisom\0\0\2\0isomiso2"sv,
       kOther, "video"},
      {"\xFF\x0A\x11", kOtherImage, "JPEG XL"},
      {"  <?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", kOtherImage, "SVG"},
      {"<!DOCTYPE html><title>404</title>", kOther, "HTML"},
      {"\xEF\xBB\xBF<HTML>", kOther, "HTML"},
      {"<?xml version='1.0'?><Error/>", kOther, "XML"},
      {"%PDF-1.7\n%\xE2\xE3", kOther, "PDF"},
      {"/9j/4AAQSkZJRgABAQ", kOther, "base64"},
      {"iVBORw0KGgoAAAANSUhEUg", kOther, "base64"},
      {"data:image/jpeg;base64,/9j/4AAQ", kOther, "data URL"},
      {"{\"path\": \"/a.jpg\"}", kOther, "JSON"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n", kOther, "Git LFS"},
      {"\x1A\x45\xDF\xA3\x01", kOther, "WebM"},
      {"RIFF\1\2\3\4AVI LIST", kOther, "AVI"},
      {"\x93NUMPY\1\0v\0"sv, kOther, "NumPy"},
      {"\x1F\x8B\x08\0"sv, kOther, "gzip"},
      {"PK\3\4\x14", kOther, "ZIP"},
      {"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", kOtherImage, "read as text"},
      {"https://example.org/a.jpg", kOther, "URL"},
      {"/home/me/photo.jpg", kOther, "path"},
      {"image=%FF%D8", kOther, "form"},
      {"--xyz\r\nContent-Disposition: form-data; name=\"file\"", kOther, "multipart"},
      {"\r\n\xFF\xD8\xFF\xE0", kOtherImage, "other bytes before it"},
      {"\0\0\0\0\0\0"sv, kOther, "zeros"},
      {"", kOther, "empty"},
      {"hello", kOther, "text"},
      {"\x01\x02\x03\xFF", ContentUse::kUnknown, "no known format"},
  };
  for (const Case& expected : cases) {
    const Content content = SniffContent(BytesOf(expected.bytes));
    EXPECT_EQ(content.use, expected.use) << expected.name;
    EXPECT_THAT(std::string(content.name), HasSubstr(std::string(expected.name)));
  }
}

TEST(SniffTest, DescriptionSaysWhatToDo) {
  EXPECT_EQ(DescribeBytes(BytesOf("GIF89a")), "a GIF image; convert it to JPEG or PNG before you send it");
  EXPECT_EQ(DescribeBytes(BytesOf("\x01\x02")), "data of no known format");
}

}  // namespace
}  // namespace accelerd
