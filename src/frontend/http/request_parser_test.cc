#include "frontend/http/request_parser.h"

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

/// Decodes `body` as it comes in pieces of `step` bytes.
class ChunkReader {
 public:
  ChunkReader() {
    RequestHead head;
    EXPECT_FALSE(parser_.ParseHead("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", head));
    EXPECT_TRUE(head.chunked);
  }

  RequestParser::Decoded Read(std::string_view body, std::size_t step) {
    RequestParser::Decoded decoded;
    std::string input;
    for (std::size_t begin = 0; begin < body.size() && !decoded.failed; begin += step) {
      input += body.substr(begin, step);
      std::array<std::byte, 100> output{};
      decoded = parser_.DecodeChunks(input, output);
      input.erase(0, decoded.consumed);
      text.append(reinterpret_cast<const char*>(output.data()), decoded.produced);
    }
    return decoded;
  }

  std::string text;

 private:
  RequestParser parser_;
};

TEST(RequestParserTest, ChunksInPiecesOfAnySize) {
  const std::string body =
      "5;a=b\r\nhello\r\n1 ;c=\"d\"\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n";
  for (std::size_t step = 1; step <= body.size(); ++step) {
    ChunkReader reader;
    const RequestParser::Decoded decoded = reader.Read(body, step);
    EXPECT_FALSE(decoded.failed) << step;
    EXPECT_TRUE(decoded.complete) << step;
    EXPECT_EQ(reader.text, "hello 0123456789") << step;
  }
}

TEST(RequestParserTest, WhatCanBecomeNoChunkFailsAtOnce) {
  for (const char* body :
       {"z", "0x5", "-1", " 5", "5\n", "5z", "5;a\nb", "5\rh", "\r\n5", "5\r\nhelloX", "5\r\nhello\rX",
        "5\r\nhello\r\n\r", "5\r\nhello\r\nx", "5\r\nhello\n", "5\r\nhello0\r\n\r\n"}) {
    for (const std::size_t step : {std::size_t{1}, std::string_view(body).size()}) {
      ChunkReader reader;
      EXPECT_TRUE(reader.Read(body, step).failed) << testing::PrintToString(body) << " in steps of " << step;
    }
  }
}

}  // namespace
}  // namespace accelerd
