#include "frontend/http/image_body.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

const std::string kJpeg = "\xff\xd8\xff\xe0 and more";

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// The image that is found, or "error: MESSAGE".
std::string Found(const std::string& content_type, const std::string& body) {
  const auto image = ImageOfBody(content_type, Bytes(body));
  return image.ok() ? std::string(reinterpret_cast<const char*>(image->data()), image->size())
                    : "error: " + std::string(image.status().message());
}

std::string Form(const std::string& disposition, const std::string& content) {
  return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n--b--\r\n";
}

TEST(ImageBody, AnImageIsOneWhateverItsContentType) {
  for (const char* type : {"", "image/jpeg", "application/octet-stream", "binary/octet-stream", "text/plain",
                           "application/x-www-form-urlencoded", "application/json", "multipart/form-data",
                           "multipart/form-data; boundary=b", "nonsense", "application/vnd.x+json", ";", "image/*"}) {
    EXPECT_EQ(FormOfBody(type, Bytes(kJpeg)), BodyForm::kImage) << type;
    EXPECT_EQ(Found(type, kJpeg), kJpeg) << type;
  }
}

TEST(ImageBody, WhatIsSaidToBeAnImageIsLeftToTheDecoder) {
  for (const char* type : {"image/jpeg", "IMAGE/heic; q=1", "application/octet-stream"}) {
    EXPECT_EQ(Found(type, "unknown"), "unknown");
    EXPECT_EQ(Found(type, "{}"), "{}");
  }
}

TEST(ImageBody, AnythingElseIsNamed) {
  EXPECT_THAT(Found("", "GIF89a..."), HasSubstr("no Content-Type, is a GIF image"));
  EXPECT_THAT(Found("text/html", "<html></html>"), HasSubstr("Content-Type text/html, is an HTML page"));
  EXPECT_THAT(Found("application/x-www-form-urlencoded", "a=b&c=d"), HasSubstr("the fields of a form as text"));
  EXPECT_THAT(Found("text/plain", "data:image/png;base64,iVBORw0KGgo="), HasSubstr("a data URL"));
  EXPECT_THAT(Found(std::string(5000, 'x'), "hello"), ::testing::Not(HasSubstr(std::string(100, 'x'))));
  EXPECT_THAT(Found("image/png", ""), HasSubstr("0 bytes"));
  EXPECT_THAT(Found("", ""), HasSubstr("0 bytes"));
}

TEST(ImageBody, AFormIsOneWhateverItsContentType) {
  const std::string form = Form("name=\"file\"; filename=\"a.jpg\"", kJpeg);
  for (const char* type :
       {"multipart/form-data; boundary=b", "multipart/form-data", "", "image/jpeg", "text/plain", "application/json"}) {
    EXPECT_EQ(FormOfBody(type, Bytes(form)), BodyForm::kImage) << type;
    EXPECT_EQ(Found(type, form), kJpeg) << type;
  }
  EXPECT_EQ(Found("image/jpeg", "--no form"), "--no form");
}

TEST(ImageBody, Json) {
  const std::string object = R"({"path": "/x.jpg"})";
  for (const char* type : {"", "application/json", "application/json; charset=utf-8", "text/plain",
                           "application/x-www-form-urlencoded", "application/problem+json"}) {
    EXPECT_EQ(FormOfBody(type, Bytes(object)), BodyForm::kJson) << type;
    EXPECT_EQ(FormOfBody(type, Bytes(" \r\n\t" + object)), BodyForm::kJson) << type;
  }
  EXPECT_EQ(FormOfBody("application/json", Bytes("broken")), BodyForm::kJson);
  EXPECT_EQ(FormOfBody("application/json", {}), BodyForm::kJson);
  for (const char* type : {"image/jpeg", "application/octet-stream", "multipart/form-data; boundary=b"}) {
    EXPECT_EQ(FormOfBody(type, Bytes(object)), BodyForm::kImage) << type;
  }
  EXPECT_EQ(FormOfBody("", Bytes("path=/x.jpg")), BodyForm::kImage);
}

}  // namespace
}  // namespace accelerd
