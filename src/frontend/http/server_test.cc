#include "frontend/http/server.h"

#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "fmt/core.h"
#include "frontend/http/test_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kLong{30};

/// A call that waits for the test to answer it.
struct HeldCall {
  CallContext context;
  std::shared_ptr<const HttpRequest> request;
  Responder respond;
};

/// A server with a route for each behaviour.
class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.listen = {{"127.0.0.1", 0, ""}};
    const auto echo = [](const CallContext&, const std::shared_ptr<const HttpRequest>& request,
                         const Responder& respond) {
      HttpResponse response;
      response.body.assign(reinterpret_cast<const char*>(request->body.data()), request->body.size());
      respond(std::move(response));
    };
    router_.Add({"GET", "/hello", 0, [](const CallContext& context, const auto&, const Responder& respond) {
                   HttpResponse response;
                   response.body = "hello " + context.client;
                   respond(std::move(response));
                 }});
    router_.Add({"POST", "/echo", SIZE_MAX, echo});
    router_.Add({"POST", "/small", 100, echo});
    router_.Add({"POST", "/hold", SIZE_MAX, [this](CallContext context, auto request, Responder respond) {
                   const std::lock_guard lock(mutex_);
                   held_.push_back({std::move(context), std::move(request), std::move(respond)});
                   changed_.notify_all();
                 }});
    router_.Add({"GET", "/throw", 0, [](const CallContext&, const auto&, const Responder&) {
                   throw std::runtime_error("thrown on purpose");
                 }});
    router_.Add({"GET", "/drop", 0, [](const CallContext&, const auto&, const Responder&) {}});
    router_.Add({"GET", "/large", 0, [](const CallContext&, const auto&, const Responder& respond) {
                   HttpResponse response;
                   response.body.assign(64 << 20, 'x');
                   respond(std::move(response));
                 }});
  }

  void Start() {
    server_ = std::make_unique<HttpServer>(options_, router_);
    const absl::Status status = server_->Start();
    ASSERT_TRUE(status.ok()) << status;
    address_ = server_->addresses().front();
  }

  TestClient Connect() const { return TestClient(address_); }

  /// The next call of /hold.
  HeldCall Held() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [this] { return !held_.empty(); }));
    HeldCall call = std::move(held_.front());
    held_.erase(held_.begin());
    return call;
  }

  static std::string Post(const std::string& path, const std::string& body, const std::string& headers = "") {
    return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}", path, body.size(), headers,
                       body);
  }

  static std::string Get(const std::string& path, const std::string& headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", path, headers);
  }

  static HttpResponse Text(std::string text) {
    HttpResponse response;
    response.body = std::move(text);
    return response;
  }

  HttpServerOptions options_;
  Router router_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HeldCall> held_;
  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

TEST_F(HttpServerTest, KeepsConnections) {
  Start();
  TestClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    const auto response = client.Ask(Get("/hello"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello 127.0.0.1");
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
  EXPECT_EQ(client.Read(/*head=*/true).headers.at("Content-Length"), "15");
  client.Send("HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read(/*head=*/true).status, 404);
  EXPECT_EQ(client.Ask(Get("/hello")).status, 200);
}

TEST_F(HttpServerTest, BodiesOfManySizesArriveWhole) {
  Start();
  TestClient client = Connect();
  for (const std::size_t size : {0, 1, 4000, 4096, 4097, 65536, 100'000, 1'000'000, 5'000'001}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
      body[i] = static_cast<char>(i * 31 >> 3);
    }
    std::string received;
    // The answer is as large as the request: neither side may wait for the other.
    std::thread sender([&] { client.Send(Post("/echo", body)); });
    const auto response = client.Read();
    sender.join();
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == body) << size;
  }
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

TEST_F(HttpServerTest, RefusalsKeepTheConnectionWhenNoBodyFollows) {
  Start();
  TestClient client = Connect();
  EXPECT_EQ(client.Ask(Get("/nothing")).status, 404);
  EXPECT_EQ(client.Ask(Get("/echo")).headers.at("Allow"), "POST");
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

TEST_F(HttpServerTest, SlowHeadersAndBodiesTimeOut) {
  options_.header_timeout = std::chrono::milliseconds(50);
  options_.body_timeout = std::chrono::milliseconds(50);
  Start();
  TestClient slow_header = Connect();
  EXPECT_EQ(slow_header.Ask("GET /hello HTTP/1.1\r\nHos").status, 408);
  EXPECT_TRUE(slow_header.AtEnd());
  TestClient slow_body = Connect();
  EXPECT_EQ(slow_body.Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab").status, 408);
  EXPECT_TRUE(slow_body.AtEnd());
  TestClient slow_chunks = Connect();
  EXPECT_EQ(slow_chunks.Ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").status, 408);
}

TEST_F(HttpServerTest, IdleConnectionsAreClosedSilently) {
  options_.idle_timeout = std::chrono::milliseconds(50);
  Start();
  TestClient fresh = Connect();
  EXPECT_TRUE(fresh.AtEnd());
  TestClient used = Connect();
  EXPECT_EQ(used.Ask(Get("/hello")).status, 200);
  EXPECT_TRUE(used.AtEnd());
}

TEST_F(HttpServerTest, WhoDoesNotReadIsCutOff) {
  options_.write_timeout = std::chrono::milliseconds(50);
  Start();
  TestClient client = Connect();
  client.Send(Get("/large"));
  // The server's end is seen as an answer that stops in the middle.
  std::promise<void> idle;
  server_->StopAccepting();
  server_->NotifyIdle([&](const absl::Status&) { idle.set_value(); });
  ASSERT_EQ(idle.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(client.Read().status, 0);
}

TEST_F(HttpServerTest, AClientThatLeavesCancelsItsCall) {
  Start();
  std::promise<void> cancelled;
  TestClient client = Connect();
  client.Send(Post("/hold", "x"));
  HeldCall call = Held();
  call.context.cancellation->OnCancel([&] { cancelled.set_value(); });
  client.Close();
  EXPECT_EQ(cancelled.get_future().wait_for(kLong), std::future_status::ready);
  call.respond(Text("too late"));
  EXPECT_EQ(Connect().Ask(Get("/hello")).status, 200);
}

TEST_F(HttpServerTest, AClientThatLeavesWithinItsBodyNeverReachesAHandler) {
  Start();
  TestClient client = Connect();
  client.Send("POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  client.ShutdownSend();
  EXPECT_TRUE(client.AtEnd());
  EXPECT_TRUE(held_.empty());
}

TEST_F(HttpServerTest, HandlersThatFailAre500) {
  Start();
  TestClient client = Connect();
  EXPECT_EQ(client.Ask(Get("/throw")).status, 500);
  EXPECT_THAT(client.Ask(Get("/drop")).body, HasSubstr("without an answer"));
  EXPECT_EQ(client.Ask(Get("/hello")).status, 200);
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

TEST_F(HttpServerTest, TooManyConnectionsAreTurnedAway) {
  options_.max_connections = 2;
  Start();
  TestClient one = Connect();
  TestClient two = Connect();
  EXPECT_EQ(one.Ask(Get("/hello")).status, 200);
  EXPECT_EQ(two.Ask(Get("/hello")).status, 200);
  TestClient three = Connect();
  const auto response = three.Ask(Get("/hello"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("Retry-After"), "1");
  EXPECT_TRUE(three.AtEnd());
  EXPECT_EQ(one.Ask(Get("/hello", "Connection: close\r\n")).status, 200);
  EXPECT_TRUE(one.AtEnd());
  EXPECT_EQ(Connect().Ask(Get("/hello")).status, 200);
}

TEST_F(HttpServerTest, DrainsKeptConnections) {
  Start();
  TestClient busy = Connect();
  TestClient kept = Connect();
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200);
  busy.Send(Post("/hold", "x"));
  HeldCall call = Held();
  server_->StopAccepting();
  std::promise<void> idle;
  server_->NotifyIdle([&](const absl::Status& status) {
    EXPECT_TRUE(status.ok());
    idle.set_value();
  });
  std::promise<void> also;  // Who asks later does not end the wait of who asked first.
  server_->NotifyIdle([&](const absl::Status&) { also.set_value(); });
  const auto response = kept.Ask(Get("/hello"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("Connection"), "close");
  EXPECT_TRUE(kept.AtEnd());
  EXPECT_FALSE(Connect().connected());
  std::future<void> future = idle.get_future();
  EXPECT_NE(future.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  call.respond(Text("done"));
  EXPECT_EQ(busy.Read().body, "done");
  EXPECT_EQ(also.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(future.wait_for(kLong), std::future_status::ready);
}

TEST_F(HttpServerTest, TheEndCancelsCallsAndOutlivesAnswers) {
  Start();
  bool cancelled = false;
  TestClient client = Connect();
  client.Send(Post("/hold", "x"));
  HeldCall call = Held();
  call.context.cancellation->OnCancel([&] { cancelled = true; });
  TestClient idle = Connect();
  EXPECT_EQ(idle.Ask(Get("/hello")).status, 200);
  server_.reset();
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(idle.AtEnd());
  call.respond(Text("nobody listens"));
  EXPECT_EQ(call.request->body.size(), 1U);
}

TEST_F(HttpServerTest, UnixSocketsNameTheirClient) {
  std::string folder = ::testing::TempDir() + "/serverXXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  options_.listen.push_back({"", 0, folder + "/s"});
  Start();
  ASSERT_EQ(server_->addresses().size(), 2U);
  EXPECT_EQ(server_->addresses()[1], "unix:" + folder + "/s");
  TestClient client(server_->addresses()[1]);
  EXPECT_EQ(client.Ask(Get("/hello")).body, fmt::format("hello unix {}:{}", getuid(), getpid()));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(folder + "/s"));
  std::filesystem::remove_all(folder);
}

TEST_F(HttpServerTest, APortInUseFailsTheStart) {
  Start();
  HttpServerOptions options;
  options.listen = {*ParseListenAddress(address_)};
  HttpServer other(options, router_);
  EXPECT_THAT(std::string(other.Start().message()), HasSubstr("address already in use"));
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

}  // namespace
}  // namespace accelerd
