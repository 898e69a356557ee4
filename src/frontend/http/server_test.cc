#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "frontend/http/server_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

TEST_F(HttpServerTest, KeepsConnections) {
  Start();
  TestClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    const auto response = client.Ask(Get("/hello"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, fmt::format("hello uid {}", geteuid()));
    EXPECT_EQ(response.headers.at("Server"), "accelerd");
    EXPECT_EQ(response.headers.at("Content-Type"), "application/json");
    EXPECT_THAT(response.headers.at("Date"), ::testing::MatchesRegex("..., .. ... .... ..:..:.. GMT"));
    EXPECT_EQ(response.headers.count("Connection"), 0U);
  }
  EXPECT_EQ(client.Ask(Get("/hello", "Connection: close\r\n")).headers.at("Connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, Http10ClosesUnlessAsked) {
  Start();
  TestClient client = Connect();
  EXPECT_EQ(client.Ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").headers.at("Connection"), "keep-alive");
  EXPECT_EQ(client.Ask("GET /hello HTTP/1.0\r\n\r\n").headers.at("Connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  Start();
  TestClient client = Connect();
  client.Send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read(/*head=*/true).headers.at("Content-Length"),
            std::to_string(fmt::format("hello uid {}", geteuid()).size()));
  client.Send("HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read(/*head=*/true).status, 404);
  EXPECT_EQ(client.Ask(Get("/hello")).status, 200);
}

TEST_F(HttpServerTest, PipelinedRequestsAreServedInOrder) {
  Start();
  TestClient client = Connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += Post(i % 10 == 5 ? "/hold" : "/echo",
                     fmt::format("{}", i) + std::string(static_cast<std::size_t>(i) * 50, '.'));
  }
  client.Send("\r\n" + requests);
  for (int i = 0; i < 50; ++i) {
    if (i % 10 == 5) {
      Held().respond(Text("held"));
      EXPECT_EQ(client.Read().body, "held");
    } else {
      EXPECT_THAT(client.Read().body, ::testing::StartsWith(fmt::format("{}", i)));
    }
  }
}

TEST_F(HttpServerTest, AnswersComeFromAnyThread) {
  Start();
  TestClient client = Connect();
  client.Send(Post("/hold", "body"));
  HeldCall call = Held();
  EXPECT_EQ(call.request->body.size(), 4U);
  EXPECT_GT(call.context.deadline, Clock::Steady().Now());
  std::thread([&] {
    call.respond(Text("first"));
    call.respond(Text("second"));
  }).join();
  EXPECT_EQ(client.Read().body, "first");
  EXPECT_EQ(client.Ask(Get("/hello")).status, 200);
}

TEST_F(HttpServerTest, RefusalsKeepTheConnectionWhenNoBodyFollows) {
  Start();
  TestClient client = Connect();
  EXPECT_EQ(client.Ask(Get("/nothing")).status, 404);
  EXPECT_EQ(client.Ask(Get("/echo")).headers.at("Allow"), "POST, OPTIONS");
  const auto options = client.Ask("OPTIONS /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("Allow"), "POST, OPTIONS");
  EXPECT_EQ(options.headers.at("Content-Length"), "") << "there is none";
  EXPECT_EQ(client.Ask(Get("/%")).status, 400);
  EXPECT_EQ(client.Ask(Get("/hello")).status, 200);
  EXPECT_EQ(client.Ask(Post("/nothing", "body")).status, 404);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, MalformedRequestsAreAnsweredAndEnd) {
  options_.max_header_bytes = 8192;
  Start();
  const std::vector<std::pair<std::string, int>> requests = {
      {"\x16\x03\x01\x02", 400},
      {"GET /hello HTTP/2.0\r\n\r\n", 505},
      {"GET /hello HTTP/1.1\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(10'000, 'x'), 431}};
  for (const auto& [request, status] : requests) {
    TestClient client = Connect();
    EXPECT_EQ(client.Ask(request).status, status) << request.substr(0, 60);
    EXPECT_TRUE(client.AtEnd());
  }
}

TEST_F(HttpServerTest, HeadersUpToTheLimitPass) {
  options_.max_header_bytes = 16384;
  Start();
  TestClient client = Connect();
  const std::string request = Get("/hello", "X: " + std::string(16'200, 'x') + "\r\n");
  for (std::size_t i = 0; i < request.size(); i += 1000) {
    client.Send(request.substr(i, 1000));
  }
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, HandlersThatFailAre500) {
  Start();
  TestClient client = Connect();
  EXPECT_EQ(client.Ask(Get("/throw")).status, 500);
  EXPECT_THAT(client.Ask(Get("/drop")).body, HasSubstr("without an answer"));
  EXPECT_EQ(client.Ask(Get("/hello")).status, 200);
}

TEST_F(HttpServerTest, WhoConnectsBeforeItServesWaits) {
  HttpServer server(options_, router_);
  ASSERT_TRUE(server.Bind().ok());
  TestClient client(server.addresses().front());
  ASSERT_TRUE(client.Send(Get("/hello")));
  server.Serve();
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
  Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      TestClient client = Connect();
      const std::string body(static_cast<std::size_t>(i) * 10'000 + 1, static_cast<char>('a' + i));
      for (int k = 0; k < 50; ++k) {
        const auto response = client.Ask(Post("/echo", body));
        ASSERT_EQ(response.status, 200);
        ASSERT_TRUE(response.body == body);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_F(HttpServerTest, WebPagesOfOtherSitesAreRefused) {
  options_.allow_origins = {"http://robot.example"};
  StartUnix();
  TestClient client(server_->addresses().front());
  EXPECT_EQ(client.Ask(Get("/hello", "Origin: http://evil.example\r\n")).status, 403);
  const auto allowed = client.Ask(Get("/hello", "Origin: http://robot.example\r\n"));
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.headers.at("Access-Control-Allow-Origin"), "http://robot.example");
  EXPECT_EQ(client.Ask(Get("/hello")).headers.count("Access-Control-Allow-Origin"), 0U);
  const std::string preflight =
      "OPTIONS /echo HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Method: POST\r\nOrigin: "
      "http://robot.example\r\n\r\n";
  const auto answer = client.Ask(preflight);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("Access-Control-Allow-Methods"), "GET, HEAD, POST");
  EXPECT_EQ(answer.headers.at("Access-Control-Allow-Origin"), "http://robot.example");
  // A name that some page had resolve to this machine.
  const std::string rebound = "GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  EXPECT_EQ(client.Ask(rebound).status, 403);
  EXPECT_EQ(TestClient(address_).Ask(rebound).status, 200) << "over the Unix socket";
  EXPECT_EQ(client.Ask("POST /echo HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 3\r\n\r\n").status, 403);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, WhoIsRefusedForItsOriginCannotHideARequestInItsBody) {
  Start();
  TestClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nTransfer-Encoding: gzip\r\n\r\n" +
              Get("/hello"));
  EXPECT_EQ(client.Read().status, 403);
  EXPECT_TRUE(client.AtEnd());
}

/// An address of this machine that others may reach; empty: it has none.
std::string OutwardAddress() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
  socklen_t size = sizeof(address);
  // Sends nothing: it chooses a way.
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return "";
  }
  std::array<char, INET_ADDRSTRLEN> text{};
  return inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
}

TEST_F(HttpServerTest, AnyNameWillDoWhereOthersReachTheService) {
  options_.listen = {{"0.0.0.0", 0, ""}};
  Start();
  const std::string request = "GET /hello HTTP/1.1\r\nHost: robot.example\r\n\r\n";
  const std::string port = address_.substr(address_.find(':'));
  EXPECT_EQ(TestClient("127.0.0.1" + port).Ask(request).status, 403) << "a browser of this machine comes here";
  const std::string outward = OutwardAddress();
  if (outward.empty()) {
    GTEST_SKIP() << "this machine has no address but the loopback";
  }
  EXPECT_EQ(TestClient(outward + port).Ask(request).status, 200);
}

}  // namespace
}  // namespace accelerd
