#include "frontend/http/request_rules.h"

#include <array>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

Router MakeRouter() {
  Router router;
  router.Add({"GET", "/list", 0, nullptr});
  router.Add({"POST", "/load", 100, nullptr});
  return router;
}

/// The status that a request is refused with; 0: it is not.
int Refused(const std::string& text, std::size_t max_body_bytes = 1000) {
  RequestParser parser;
  RequestHead head;
  if (const auto error = parser.ParseHead(text, head)) {
    return error->status;
  }
  const Router router = MakeRouter();
  const Judgement judgement = JudgeRequest(head, router, max_body_bytes);
  return judgement.refusal ? judgement.refusal->status : 0;
}

int Posted(const std::string& headers) {
  return Refused("POST /load HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
}

TEST(RequestParser, ReadsTheHead) {
  RequestParser parser;
  RequestHead head;
  const auto error = parser.ParseHead(
      "POST /load?x=%20 HTTP/1.1\r\nHOST: h\r\nContent-Length: 7\r\nX-Two:  a b \r\nconnection: close\r\n\r\n", head);
  ASSERT_FALSE(error);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/load?x=%20");
  EXPECT_EQ(head.version, 11);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(head.content_length, 7U);
  EXPECT_TRUE(head.has_body());
  ASSERT_NE(head.find("x-two"), nullptr);
  EXPECT_EQ(*head.find("x-two"), "a b");
}

TEST(RequestParser, MalformedHeads) {
  EXPECT_EQ(Refused("\x16\x03\x01\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET  HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /li st HTTP/1.1\r\nHost: x\r\n\r\n"), 505);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost : x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
  EXPECT_EQ(Refused("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\n Host: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\nHost: x\r\n\r\n"), 400);
}

/// Decodes `body`, offered in pieces of `step` bytes; "failed" or "incomplete" when it is so.
std::string Decode(const std::string& body, std::size_t step) {
  RequestParser parser;
  RequestHead head;
  EXPECT_FALSE(parser.ParseHead("POST /load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", head));
  EXPECT_TRUE(head.chunked);
  std::string decoded;
  std::string input;
  for (std::size_t i = 0; i < body.size(); i += step) {
    input += body.substr(i, step);
    RequestParser::Decoded result;
    do {
      std::array<std::byte, 3> output{};
      result = parser.DecodeChunks(input, output);
      decoded.append(reinterpret_cast<const char*>(output.data()), result.produced);
      input.erase(0, result.consumed);
    } while (result.full);
    if (result.failed) {
      return "failed";
    }
    if (result.complete) {
      return decoded + input;
    }
  }
  return "incomplete";
}

TEST(RequestParser, DecodesChunksInAnySteps) {
  const std::string body = "5;ext=1\r\nhello\r\n1\r\n,\r\nA\r\n world....\r\n0\r\nX-Trailer: t\r\n\r\n";
  for (std::size_t step = 1; step <= body.size(); ++step) {
    EXPECT_EQ(Decode(body, step), "hello, world....") << step;
  }
  EXPECT_EQ(Decode(body + "GET", body.size() + 3), "hello, world....GET");
}

TEST(RequestParser, MalformedChunks) {
  EXPECT_EQ(Decode("x\r\n", 1), "failed");
  EXPECT_EQ(Decode("-1\r\n", 1), "failed");
  EXPECT_EQ(Decode("1\r\nab\r\n0\r\n", 9), "failed");
  EXPECT_EQ(Decode("fffffffffffffffff\r\n", 1), "failed");
  EXPECT_EQ(Decode("0\r\nContent-Length: 3\r\n\r\n", 99), "failed");
  EXPECT_EQ(Decode("5\r\nhel", 1), "incomplete");
}

TEST(RequestRules, ProperRequestsPass) {
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
  EXPECT_EQ(Refused("GET /list HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(Posted("Content-Length: 100\r\n"), 0);
  EXPECT_EQ(Posted("Transfer-Encoding: Chunked\r\n"), 0);
  EXPECT_EQ(Posted("Expect: 100-Continue\r\nContent-Length: 1\r\n"), 0);
}

TEST(RequestRules, Host) {
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST(RequestRules, AmbiguousFraming) {
  EXPECT_EQ(Posted("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(Posted("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400);
  EXPECT_EQ(Posted("Transfer-Encoding: identity\r\nContent-Length: 3\r\n"), 400);
  EXPECT_EQ(Posted("Content-Length: 3\r\nContent-Length: 4\r\n"), 400);
  EXPECT_EQ(Posted("Content-Length: -3\r\n"), 400);
  EXPECT_EQ(Posted("Content-Length: 99999999999999999999\r\n"), 400);
  EXPECT_EQ(Posted("Content-Length: 0x10\r\n"), 400);
  EXPECT_EQ(Posted("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(Posted("Transfer-Encoding: gzip\r\n"), 501);
  EXPECT_EQ(Posted("Transfer-Encoding: gzip, chunked\r\n"), 501);
  EXPECT_EQ(Posted("Transfer-Encoding: chunked, gzip\r\n"), 501);
  EXPECT_EQ(Posted("Transfer-Encoding: xchunked\r\n"), 501);
  EXPECT_EQ(Refused("POST /load HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestRules, Expectations) {
  EXPECT_EQ(Posted("Expect: the-unexpected\r\n"), 417);
}

TEST(RequestParser, LinesOfAnUnfinishedHeader) {
  EXPECT_FALSE(RequestParser::JudgeLines("GET / HTTP/1.1\r\nHost: x\r\n", 0));
  EXPECT_TRUE(RequestParser::JudgeLines("GET / HTTP/1.1\r\nHost: x\n", 0));
  EXPECT_TRUE(RequestParser::JudgeLines("GET / HTTP/1.1\r\nHost: x\r\n y", 16));
  EXPECT_TRUE(RequestParser::JudgeLines("\n", 0));
  EXPECT_FALSE(RequestParser::JudgeLines("\na\r\n", 3));
  EXPECT_TRUE(RequestParser::JudgeLines("a\n", 1));
  EXPECT_FALSE(RequestParser::JudgeLines("", 0));
}

TEST(RequestRules, TargetsThatAreNoPaths) {
  EXPECT_EQ(Refused("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), 204);
  EXPECT_EQ(Refused("CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
  EXPECT_EQ(Refused("GET * HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET list HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET http://x/list HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
  const Router router = MakeRouter();
  EXPECT_EQ(router.Find("OPTIONS", "*").error.headers.front().second, "GET, HEAD, POST, OPTIONS");
  EXPECT_NE(router.Find("GET", "list").error.body.find("begins with '/'"), std::string::npos);
}

TEST(RequestRules, RouteBeforeLength) {
  EXPECT_EQ(Refused("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"), 404);
  EXPECT_EQ(Refused("PUT /load HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"), 405);
}

TEST(RequestRules, Length) {
  EXPECT_EQ(Posted("Content-Length: 101\r\n"), 413);
  EXPECT_EQ(Refused("POST /load HTTP/1.1\r\nHost: x\r\nContent-Length: 51\r\n\r\n", 50), 413);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"), 413);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 0);
  EXPECT_EQ(Refused("GET /list HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 0) << "it may be empty";
}

}  // namespace
}  // namespace accelerd
