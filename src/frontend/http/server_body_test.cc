#include <string>
#include <thread>

#include "fmt/core.h"
#include "frontend/http/server_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

TEST_F(HttpServerTest, BodiesOfManySizesArriveWhole) {
  Start();
  TestClient client = Connect();
  for (const std::size_t size : {0, 1, 4000, 4096, 4097, 65536, 100'000, 1'000'000, 5'000'001}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
      body[i] = static_cast<char>(i * 31 >> 3);
    }
    // The answer is as large as the request: neither side may wait for the other.
    std::thread sender([&] { client.Send(Post("/echo", body)); });
    const auto response = client.Read();
    sender.join();
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == body) << size;
  }
}

TEST_F(HttpServerTest, ChunkedBodies) {
  Start();
  TestClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n");
  client.Send("1\r\n \r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(client.Read().body, "hello ");
  const std::string chunk(70'000, 'c');
  std::thread sender([&] {
    client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      client.Send(fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk));
    }
    client.Send("0\r\n\r\n");
  });
  EXPECT_EQ(client.Read().body.size(), 700'000U);
  sender.join();
  // Exactly the limit, and one over it.
  EXPECT_EQ(client
                .Ask("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" +
                     std::string(100, 'x') + "\r\n0\r\n\r\n")
                .status,
            200);
  EXPECT_EQ(client
                .Ask("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                     std::string(101, 'x') + "\r\n0\r\n\r\n")
                .status,
            413);
}

TEST_F(HttpServerTest, AnEndlessTrailerBehindALargeHeaderIs400) {
  Start();
  TestClient client = Connect();
  // The header's size leaves room in the buffer for more than a trailer may have.
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nX: " + std::string(12'000, 'x') +
              "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: " + std::string(8000, 'y'));
  EXPECT_EQ(client.Read().status, 400);
}

TEST_F(HttpServerTest, BrokenChunksAre400) {
  Start();
  for (const auto& body : {std::string("zz\r\n"), std::string("zz"), std::string("5\nhello\n"),
                           std::string("5\r\nhelloXX0\r\n"), "5;" + std::string(20'000, 'x')}) {
    TestClient client = Connect();
    client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
    EXPECT_EQ(client.Read().status, 400);
    EXPECT_TRUE(client.AtEnd());
  }
}

TEST_F(HttpServerTest, ExpectContinue) {
  Start();
  TestClient client = Connect();
  EXPECT_EQ(client.Ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").status,
            100);
  EXPECT_EQ(client.Ask("ok").body, "ok");
  // What is refused is never asked for.
  EXPECT_EQ(client.Ask("POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n").status,
            413);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, TooLargeIsAnsweredWithoutReadingIt) {
  options_.max_body_bytes = 1000;
  Start();
  TestClient client = Connect();
  // Ten exabytes are announced and none is sent.
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n");
  const auto response = client.Read();
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr("1000 bytes"));
  EXPECT_EQ(response.headers.at("Connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, WhoStillSendsSeesTheRefusal) {
  options_.max_body_bytes = 1000;
  Start();
  TestClient client = Connect();
  EXPECT_TRUE(client.Send(Post("/echo", std::string(20 << 20, 'x'))));
  EXPECT_EQ(client.Read().status, 413);
}

TEST_F(HttpServerTest, ARefusedBodyGivesItsRoomBackAtOnce) {
  options_.max_total_body_bytes = 100'000;
  options_.body_wait = std::chrono::milliseconds(100);
  Start();
  const std::string body(100'000, 'x');
  TestClient refused = Connect();
  refused.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               fmt::format("{:x}\r\n{}\r\nno chunk", body.size(), body));
  EXPECT_EQ(refused.Read().status, 400);
  EXPECT_EQ(Connect().Ask(Post("/small", std::string(100, 'x'))).status, 200);
  EXPECT_EQ(Connect().Ask(Post("/echo", body)).status, 200) << "the client that was refused has not closed yet";
}

TEST_F(HttpServerTest, AnEmptyBodyTakesNoRoomWhileItsCallRuns) {
  options_.max_total_body_bytes = 1000;
  options_.body_wait = std::chrono::milliseconds(100);
  Start();
  TestClient client = Connect();
  client.Send("POST /hold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  const HeldCall call = Held();
  EXPECT_EQ(Connect().Ask(Post("/echo", std::string(1000, 'x'))).status, 200);
  call.respond(Text("done"));
  EXPECT_EQ(client.Read().body, "done");
}

TEST_F(HttpServerTest, TheWaitForRoomIsNotTheClients) {
  const std::chrono::milliseconds timeout(400);
  options_.max_total_body_bytes = 1000;
  options_.header_timeout = timeout;
  options_.body_timeout = timeout;
  options_.body_wait = kLong;
  Start();
  TestClient holder = Connect();
  holder.Send(Post("/hold", std::string(1000, 'x')));
  HeldCall call = Held();
  TestClient waiting = Connect();
  waiting.Send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
  // Passes the time.
  EXPECT_EQ(Connect().Ask("GET /hello HTTP/1.1\r\nHos").status, 408);
  const auto released = std::chrono::steady_clock::now();
  call.request.reset();
  EXPECT_EQ(waiting.Read().status, 100);
  EXPECT_EQ(waiting.Read().status, 408);
  EXPECT_GE(std::chrono::steady_clock::now() - released, timeout / 2) << "it had no time to send its body";
}

TEST_F(HttpServerTest, AClientThatLeavesWithinItsBodyNeverReachesAHandler) {
  Start();
  TestClient client = Connect();
  client.Send("POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  client.ShutdownSend();
  EXPECT_TRUE(client.AtEnd());
  EXPECT_TRUE(held_.empty());
}

TEST_F(HttpServerTest, BodiesWaitForRoomThenAre503) {
  options_.max_total_body_bytes = 1000;
  options_.body_wait = std::chrono::milliseconds(50);
  Start();
  TestClient first = Connect();
  first.Send(Post("/hold", std::string(600, 'x')));
  HeldCall call = Held();
  TestClient second = Connect();
  const auto refused = second.Ask(Post("/echo", std::string(600, 'y')));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("Retry-After"), "1");
  // The answer alone frees nothing: the memory is still held.
  call.respond(Text("done"));
  EXPECT_EQ(first.Read().body, "done");
  EXPECT_EQ(Connect().Ask(Post("/echo", std::string(600, 'y'))).status, 503);
  call.request.reset();
  EXPECT_EQ(Connect().Ask(Post("/echo", std::string(600, 'y'))).status, 200);
}

TEST_F(HttpServerTest, WhoAnnouncesAndSendsNothingTakesNoRoom) {
  options_.max_total_body_bytes = 64 << 20;
  Start();
  std::vector<TestClient> idle;
  for (int i = 0; i < 20; ++i) {
    const std::string begun = i % 2 == 0 ? "" : std::string(1000, 'x');
    idle.push_back(Connect());
    idle.back().Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\n" + begun);
  }
  EXPECT_EQ(Connect().Ask(Post("/echo", std::string(10 << 20, 'y'))).status, 200);
}

TEST_F(HttpServerTest, ManyLargeBodiesShareTheRoom) {
  options_.max_total_body_bytes = 8 << 20;
  options_.max_body_bytes = 4 << 20;
  options_.body_wait = kLong;
  Start();
  std::vector<std::thread> clients;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([this, i, &whole] {
      const std::string body(4 << 20, static_cast<char>('a' + i));
      TestClient client = Connect();
      std::thread sender([&] { client.Send(Post("/echo", body)); });
      whole += client.Read().body == body ? 1 : 0;
      sender.join();
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(whole, 16);
}

TEST_F(HttpServerTest, BodiesGetTheRoomThatIsFreed) {
  options_.max_total_body_bytes = 1000;
  options_.body_wait = std::chrono::milliseconds(30'000);
  Start();
  TestClient first = Connect();
  first.Send(Post("/hold", std::string(600, 'x')));
  HeldCall call = Held();
  TestClient second = Connect();
  second.Send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 600\r\n\r\n");
  // Another one passes meanwhile only if it does not overtake: it is behind the second.
  call.respond(Text("done"));
  call.request.reset();
  EXPECT_EQ(second.Read().status, 100);
  EXPECT_EQ(second.Ask(std::string(600, 'y')).status, 200);
}

}  // namespace
}  // namespace accelerd
