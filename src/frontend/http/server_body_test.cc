#include <future>
#include <string>
#include <string_view>
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

TEST_F(HttpServerTest, AnEmptyChunkedBodyIsNone) {
  Start();
  TestClient client = Connect();
  const std::string header = "GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(client.Ask(header + "0\r\n\r\n").status, 200);
  EXPECT_EQ(client.Ask(header + "000;a=b\r\nTrailer: x\r\n\r\n").status, 200);
  EXPECT_EQ(client.Ask(header + "1\r\nx\r\n0\r\n\r\n").status, 413);
}

TEST_F(HttpServerTest, AChunkIsRefusedByItsAnnouncement) {
  Start();
  const std::string header = "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* chunks :
       {"65\r\n", "100000000\r\n", "ffffffffffffffff\r\n", "0000000000000065;a=b\r\n", "64\r\n", "1\r\nx\r\n64\r\n"}) {
    TestClient client = Connect();
    client.Send(header + chunks);
    if (std::string_view(chunks) == "64\r\n") {
      client.Send(std::string(100, 'x') + "\r\n1\r\n");
    }
    EXPECT_EQ(client.Read().status, 413) << chunks;
    EXPECT_TRUE(client.AtEnd());
  }
  TestClient client = Connect();
  client.Send(header + "10000000000000000\r\n");
  EXPECT_EQ(client.Read().status, 400) << "no number of 64 bits";
}

TEST_F(HttpServerTest, ChunksOfAByteAreReadAndEndlessExtensionsAreNot) {
  Start();
  std::string chunks;
  for (int i = 0; i < 20'000; ++i) {
    chunks += "1\r\nx\r\n";
  }
  const std::string header = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Connect().Ask(header + chunks + "0\r\n\r\n").body.size(), 20'000U);
  std::string extensions;
  for (int i = 0; i < 20; ++i) {
    extensions += "1;" + std::string(2000, 'e') + "\r\nx\r\n";
  }
  EXPECT_EQ(Connect().Ask(header + extensions).status, 400);
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

TEST_F(HttpServerTest, ASlowSteadyBodyIsRead) {
  options_.body_timeout = std::chrono::seconds(1);
  options_.min_rate = 500;
  Start();
  TestClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n");
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    client.Send(std::string(100, 'x'));
  }
  EXPECT_EQ(client.Read().body.size(), 5000U);
}

TEST_F(HttpServerTest, ABodyThatTricklesIsRefused) {
  options_.body_timeout = std::chrono::milliseconds(200);
  options_.min_rate = 1 << 20;
  Start();
  TestClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + std::string(90'000, 'x'));
  std::thread sender([&] {
    // Ends when the connection does.
    for (int i = 0; i < 10'000 && client.Send("x"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  EXPECT_EQ(client.Read().status, 408);
  client.ShutdownSend();
  sender.join();
}

TEST_F(HttpServerTest, WhatIsNotWholeIsRefusedWhenTheServiceStops) {
  options_.max_total_body_bytes = 1 << 20;
  options_.max_body_bytes = 1 << 20;
  options_.body_wait = kLong;
  Start();
  const std::string header = "POST /echo HTTP/1.1\r\nHost: x\r\n";
  std::vector<TestClient> clients;
  for (const std::string& request :
       {header + "Content-Length: 1048576\r\n\r\n" + std::string(1'000'000, 'x'),  // Holds all of the room.
        header + "Content-Length: 100000\r\n\r\n" + std::string(100'000, 'x'),     // Waits for room.
        header + "Content-Length: 5\r\n\r\n", header + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        header + "Content-Le", std::string("GET /hello HTTP/1.1\r\n")}) {
    clients.push_back(Connect());
    clients.back().Send(request);
  }
  TestClient kept = Connect();
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200) << "the others' requests were seen";
  server_->StopAccepting();
  std::promise<void> idle;
  server_->NotifyIdle([&](const absl::Status&) { idle.set_value(); });
  EXPECT_EQ(idle.get_future().wait_for(kLong / 3), std::future_status::ready);
  for (TestClient& client : clients) {
    const auto response = client.Read();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.headers.at("Connection"), "close");
    EXPECT_EQ(response.headers.at("Retry-After"), "1");
    EXPECT_TRUE(client.AtEnd());
  }
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200) << "a request without a body is served on a kept connection";
}

TEST_F(HttpServerTest, AnUnfinishedBodyMakesRoomForAnotherClient) {
  // All of the room is reserved with the first step.
  options_.max_total_body_bytes = 60'000;
  options_.max_body_bytes = 60'000;
  options_.body_wait = kLong;
  TrustClientIds();
  Start();
  TestClient stalled = Connect();
  EXPECT_EQ(stalled
                .Ask("POST /echo_infer HTTP/1.1\r\nHost: x\r\nX-Client-Id: a\r\nExpect: 100-continue\r\n"
                     "Content-Length: 60000\r\n\r\n")
                .status,
            100);
  // The other client is served before its own wait is over, although the first one never ends its body.
  const auto response = Connect().Ask(Post("/echo_infer", std::string(40'000, 'y'), "X-Client-Id: b\r\n"));
  EXPECT_EQ(response.status, 200);
  auto evicted = stalled.Read();
  EXPECT_EQ(evicted.status, 503);
  EXPECT_THAT(evicted.body, HasSubstr("another client needed the room"));
  EXPECT_EQ(evicted.headers["Retry-After"], "1");
}

TEST_F(HttpServerTest, StalledBodiesOfAClientLockOutNobody) {
  options_.body_wait = std::chrono::milliseconds(500);
  TrustClientIds();
  Start();
  std::vector<TestClient> stalled;
  const std::string most(options_.max_body_bytes - 10, 'x');
  for (int i = 0; i < 8; ++i) {
    stalled.push_back(Connect());
    stalled.back().Send(
        fmt::format("POST /echo_infer HTTP/1.1\r\nHost: x\r\nX-Client-Id: a\r\nContent-Length: {}\r\n\r\n{}",
                    options_.max_body_bytes, i < 6 ? most : most.substr(0, 4 << 20)));
  }
  for (const char* client : {"X-Client-Id: b\r\n", "X-Client-Id: a\r\n"}) {
    EXPECT_EQ(Connect().Ask(Post("/echo_infer", std::string(300'000, 'y'), client)).status, 200) << client;
  }
  EXPECT_EQ(Connect().Ask(Post("/echo_infer", std::string(8 << 20, 'y'), "X-Client-Id: b\r\n")).status, 200);
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
