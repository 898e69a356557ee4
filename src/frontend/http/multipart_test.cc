#include "frontend/http/multipart.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

constexpr char kType[] = "multipart/form-data; boundary=XX";

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string Part(const std::string& name, const std::string& bytes) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"a.jpg\"\r\n\r\n" + bytes + "\r\n";
}

std::string Field(const std::string& name, const std::string& bytes) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + bytes + "\r\n";
}

/// The bytes of the file, or the error's text.
std::string File(const std::string& body, const std::string& type = kType) {
  const auto parts = ParseMultipart(type, Bytes(body));
  if (!parts.ok()) {
    EXPECT_EQ(parts.status().code(), absl::StatusCode::kInvalidArgument);
    return "error: " + std::string(parts.status().message());
  }
  const auto field = FileOfForm(*parts);
  return field.ok() ? Text(*field) : "error: " + std::string(field.status().message());
}

TEST(Multipart, OneFileAsRequestsSendsIt) {
  EXPECT_EQ(File("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\r\nJPEG\r\n--XX--\r\n"),
            "JPEG");
}

TEST(Multipart, CurlSendsAContentType) {
  const std::string body =
      "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.jpg\"\r\nContent-Type: "
      "image/jpeg\r\n\r\n\xff\xd8\r\n--XX--\r\n";
  const auto parts = ParseMultipart(kType, Bytes(body));
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 1U);
  EXPECT_EQ((*parts)[0].name, "file");
  EXPECT_EQ((*parts)[0].content_type, "image/jpeg");
  EXPECT_EQ(Text((*parts)[0].bytes), "\xff\xd8");
  // A view, no copy.
  EXPECT_GE(static_cast<const void*>((*parts)[0].bytes.data()), static_cast<const void*>(body.data()));
}

TEST(Multipart, BytesMayLookLikeDelimiters) {
  const std::string bytes = "\r\n--X\r\n--XXY\r\n-XX--\r\n\r\n--XX z\r\n";
  EXPECT_EQ(File(Part("file", bytes) + "--XX--"), bytes);
}

TEST(Multipart, SeveralFieldsPreambleAndEpilogue) {
  EXPECT_EQ(File("preamble\r\n" + Part("other", "1") + Part("file", "2") + Part("", "") + "--XX--\r\nepilogue"), "2");
  EXPECT_EQ(File(Part("file", "") + "--XX--"), "");
}

TEST(Multipart, PaddingBehindTheBoundary) {
  EXPECT_EQ(File("--XX \t\r\ncontent-disposition:form-data;name=file\r\n\r\nx\r\n--XX--  "), "x");
}

TEST(Multipart, QuotedBoundaryAndNames) {
  const std::string body =
      "--a b:c\r\nContent-Disposition: form-data; filename=\"C:\\x;\\\"y\\\"\"; name=\"file\"\r\n\r\nx\r\n--a b:c--";
  EXPECT_EQ(File(body, "Multipart/Form-Data; charset=x; Boundary=\"a b:c\""), "x");
}

/// The field `file` of a form whose part has this Content-Disposition behind "form-data; ".
std::string Disposition(const std::string& parameters) {
  return File("--XX\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\nx\r\n--XX--");
}

TEST(Multipart, BackslashesBeforeQuotes) {
  EXPECT_EQ(Disposition("name=\"file\"; filename=\"C:\\dir\\\""), "x");
  EXPECT_EQ(Disposition("filename=\"C:\\dir\\\"; name=\"file\""), "x");
  EXPECT_EQ(Disposition("filename=\"C:\\\\dir\\\\\"; name=\"file\""), "x");
  // An escaped quote hides what looks like another parameter.
  EXPECT_EQ(Disposition("filename=\"a\\\"; name=\\\"other\"; name=\"file\""), "x");
  EXPECT_THAT(Disposition("name=\"file\"x"), HasSubstr("no well-formed"));
  EXPECT_THAT(Disposition("name=\"file"), HasSubstr("no well-formed"));
}

TEST(Multipart, FoldedHeaders) {
  EXPECT_EQ(Disposition("name=\"file\";\r\n filename=\"a:b.jpg\""), "x");
  EXPECT_EQ(Disposition("filename=\"a.jpg\";\r\n\tname=\"file\"\r\nContent-Type:\r\n image/jpeg"), "x");
}

TEST(Multipart, AnUnnamedPartIsNamedAsTheMistake) {
  EXPECT_THAT(File(Part("file", "x") + "--XX\r\nContent-Type: a/b\r\n\r\ny\r\n--XX--"), HasSubstr("no well-formed"));
}

TEST(Multipart, TheBoundaryBehindOtherParameters) {
  const std::string body = Part("file", "x") + "--XX--";
  for (const char* parameters : {"charset=utf-8; boundary=XX", "charset=\"utf-8\";boundary=XX", "charset; boundary=XX",
                                 "charset=; boundary=XX", "; ;boundary=XX", "boundary=XX;"}) {
    EXPECT_EQ(File(body, std::string("multipart/form-data; ") + parameters), "x") << parameters;
  }
}

TEST(Multipart, BoundaryMustBeThere) {
  EXPECT_THAT(File("", "multipart/form-data"), HasSubstr("needs a boundary"));
  EXPECT_THAT(File("", "multipart/form-data; boundary="), HasSubstr("has 0 characters"));
  EXPECT_THAT(File("", "multipart/form-data; boundary=" + std::string(71, 'x')), HasSubstr("has 71 characters"));
  EXPECT_THAT(File("", "multipart/form-data; boundary=\"x"), HasSubstr("needs a boundary"));
  EXPECT_EQ(File("--" + std::string(70, 'x') + "--", "multipart/form-data; boundary=" + std::string(70, 'x')),
            "error: the form has no field 'file' and no file; it is empty");
}

TEST(Multipart, BrokenBodiesSayWhatIsWrong) {
  EXPECT_THAT(File(""), HasSubstr("does not hold the boundary"));
  EXPECT_THAT(File("--YY--"), HasSubstr("does not hold the boundary"));
  EXPECT_THAT(File(Part("file", "x")), HasSubstr("end boundary is missing"));
  EXPECT_THAT(File("--XX\r\n"), HasSubstr("end boundary is missing"));
  EXPECT_THAT(File("--XX\r\n\r\n--XX--"), HasSubstr("does not end"));
  EXPECT_THAT(File("--XX\r\nContent-Disposition: form-data; name=file\r\n--XX--"), HasSubstr("does not end"));
  EXPECT_THAT(File("--XX\r\n\r\nx\r\n--XX--"), HasSubstr("no well-formed 'Content-Disposition"));
  EXPECT_THAT(File("--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--"),
              HasSubstr("no well-formed 'Content-Disposition"));
  EXPECT_THAT(File("--XX\r\nnonsense\r\n\r\nx\r\n--XX--"), HasSubstr("no colon"));
  EXPECT_THAT(File("--XX\r\nX: " + std::string(9000, 'x') + "\r\n\r\nx\r\n--XX--"), HasSubstr("over 8192 bytes"));
}

TEST(Multipart, OneFileAndNoOther) {
  EXPECT_EQ(File(Part("image", "x") + "--XX--"), "x") << "it is the only one";
  EXPECT_EQ(File(Field("image", "x") + "--XX--"), "x");
  EXPECT_EQ(File(Part("image", "y") + Part("file", "x") + Part("data", "z") + "--XX--"), "x");
  EXPECT_EQ(File(Part("image", "y") + Field("file", "x") + "--XX--"), "x");
  EXPECT_EQ(File(Field("key", "y") + Part("image", "x") + Field("confidence", "z") + "--XX--"), "x");
  EXPECT_EQ(File(Field("key", "y") + Field("image\"; filename*=\"UTF-8''a.jpg", "x") + "--XX--"), "x");
  EXPECT_THAT(File(Field("file", "x") + Field("file", "y") + "--XX--"), HasSubstr("several fields: 'file', 'file'"));
  EXPECT_THAT(File(Field("image", "x") + Field("data", "y") + "--XX--"),
              HasSubstr("it has the fields 'image', 'data'"));
  EXPECT_THAT(File(Part("a", "x") + Part("b", "y") + "--XX--"),
              HasSubstr("several files: 'a', 'b'; send one image, as the field 'file'"));
}

TEST(Multipart, MessagesDoNotRepeatKilobytes) {
  std::string body;
  for (int i = 0; i < 60; ++i) {
    body += Part(std::string(2000, 'n'), "x");
  }
  EXPECT_LT(File(body + "--XX--").size(), 600U);
}

TEST(Multipart, ABodyCanShowItsBoundary) {
  const std::string body = Part("file", "x") + "--XX--";
  for (const char* type : {"multipart/form-data", "multipart/form-data; charset=utf-8", "multipart/form-data;"}) {
    EXPECT_EQ(File(body, type), "x") << type;
  }
  EXPECT_THAT(File("--\r\nContent-Type: x\r\n\r\n", "multipart/form-data"), HasSubstr("needs a boundary"));
  EXPECT_THAT(File("--" + std::string(71, 'x') + "\r\nContent-", "multipart/form-data"), HasSubstr("needs a boundary"));
}

TEST(Multipart, LinesThatBeginLikeTheBoundary) {
  const auto near = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += "\r\n--XXX";
    }
    return text;
  };
  EXPECT_EQ(File(Part("file", near(500)) + "--XX--"), near(500));
  EXPECT_THAT(File(Part("file", near(2000)) + "--XX--"), HasSubstr("error"));
}

TEST(Multipart, AtMost64Parts) {
  std::string body;
  for (int i = 0; i < 64; ++i) {
    body += Part(i == 0 ? "file" : "x", "1");
  }
  EXPECT_EQ(File(body + "--XX--"), "1");
  EXPECT_THAT(File(body + Part("x", "1") + "--XX--"), HasSubstr("more than 64"));
}

TEST(MediaType, WithoutParameters) {
  EXPECT_EQ(MediaType(" Image/JPEG ; q=1"), "image/jpeg");
  EXPECT_EQ(MediaType(""), "");
}

}  // namespace
}  // namespace accelerd
