#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <string>

#include "fmt/core.h"
#include "frontend/http/server_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

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
  client.Send(Post("/hold", "x"));
  HeldCall call = Held();
  // The server's end is seen as an answer that stops in the middle.
  std::promise<void> idle;
  server_->StopAccepting();
  server_->NotifyIdle([&](const absl::Status&) { idle.set_value(); });
  call.respond(Text(std::string(64 << 20, 'x')));
  ASSERT_EQ(idle.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(client.Read().status, 0);
}

TEST_F(HttpServerTest, WhoReadsTooSlowlyIsCutOff) {
  options_.write_timeout = std::chrono::milliseconds(300);
  options_.min_rate = 1 << 30;
  Start();
  TestClient client = Connect();
  client.Send(Get("/large"));
  // At this pace the whole would take 10 s.
  EXPECT_LT(client.Trickle(std::chrono::milliseconds(10)), std::size_t{64} << 20U);
}

TEST_F(HttpServerTest, TheMemoryOfAnAnswerIsHeldUntilItIsWritten) {
  Start();
  TestClient client = Connect();
  client.Send(Post("/hold", "x"));
  HeldCall call = Held();
  std::promise<void> released;
  HttpResponse response = Text(std::string(64 << 20, 'x'));
  response.memory = std::shared_ptr<const void>(&released, [](std::promise<void>* held) { held->set_value(); });
  call.respond(std::move(response));
  std::future<void> future = released.get_future();
  EXPECT_NE(future.wait_for(std::chrono::milliseconds(50)), std::future_status::ready);
  EXPECT_EQ(client.Read().body.size(), std::size_t{64} << 20U);
  EXPECT_EQ(future.wait_for(kLong), std::future_status::ready);
}

TEST_F(HttpServerTest, TheMemoryOfALastAnswerDoesNotWaitForTheClientToClose) {
  Start();
  TestClient client = Connect();
  client.Send(Post("/hold", "x", "Connection: close\r\n"));
  HeldCall call = Held();
  const auto released = std::make_shared<std::promise<void>>();
  HttpResponse response = Text("done");
  response.memory = std::shared_ptr<const void>(released.get(), [released](const void*) { released->set_value(); });
  call.respond(std::move(response));
  EXPECT_EQ(client.Read().body, "done");
  EXPECT_EQ(released->get_future().wait_for(options_.body_timeout / 2), std::future_status::ready);
}

TEST_F(HttpServerTest, WhoSendsMoreAfterItsLastRequestStillGetsTheWholeAnswer) {
  Start();
  TestClient client = Connect();
  // More than is read ahead. To close a socket with unread input would break the connection off.
  client.Send(Post("/hold", "x", "Connection: close\r\n") + std::string(100'000, 'x'));
  const std::size_t size = 16 << 20;
  Held().respond(Text(std::string(size, 'x')));
  EXPECT_GT(client.Trickle(std::chrono::milliseconds(1)), size);
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

TEST_F(HttpServerTest, AClientThatSaidItsLastMayCloseItsSide) {
  Start();
  TestClient client = Connect();
  client.Send(Post("/hold", "x", "Connection: close\r\n"));
  client.ShutdownSend();
  HeldCall call = Held();
  bool cancelled = false;
  call.context.cancellation->OnCancel([&] { cancelled = true; });
  // Another request shows that the server had the time to see the end.
  EXPECT_EQ(Connect().Ask(Get("/hello")).status, 200);
  call.respond(Text("done"));
  EXPECT_EQ(client.Read().body, "done");
  EXPECT_TRUE(client.AtEnd());
  EXPECT_FALSE(cancelled);
}

TEST_F(HttpServerTest, AResetCancelsTheCallOfWhoClosedItsSide) {
  Start();
  std::promise<void> cancelled;
  TestClient client = Connect();
  client.Send(Post("/hold", "x", "Connection: close\r\n"));
  client.ShutdownSend();
  HeldCall call = Held();
  call.context.cancellation->OnCancel([&] { cancelled.set_value(); });
  client.Reset();
  EXPECT_EQ(cancelled.get_future().wait_for(kLong), std::future_status::ready);
}

TEST_F(HttpServerTest, OverAUnixSocketAClosedSideIsNoEnd) {
  StartUnix();
  TestClient client(address_);
  client.Send(Post("/hold", "x"));
  client.ShutdownSend();
  HeldCall call = Held();
  bool cancelled = false;
  call.context.cancellation->OnCancel([&] { cancelled = true; });
  EXPECT_EQ(TestClient(address_).Ask(Get("/hello")).status, 200);
  call.respond(Text("done"));
  EXPECT_EQ(client.Read().body, "done");
  EXPECT_FALSE(cancelled);
}

TEST_F(HttpServerTest, OverAUnixSocketAnEndCancelsTheCall) {
  StartUnix();
  for (const bool half_closed_before : {false, true}) {
    std::promise<void> cancelled;
    TestClient client(address_);
    client.Send(Post("/hold", "x", "Connection: close\r\n"));
    HeldCall call = Held();
    call.context.cancellation->OnCancel([&] { cancelled.set_value(); });
    if (half_closed_before) {
      client.ShutdownSend();
    }
    client.Close();
    EXPECT_EQ(cancelled.get_future().wait_for(kLong), std::future_status::ready);
  }
}

TEST_F(HttpServerTest, AnEndBehindMuchThatWasSentAheadCancelsTheCall) {
  StartUnix();
  for (const std::string& address : server_->addresses()) {
    std::promise<void> cancelled;
    TestClient client(address);
    client.Send(Post("/hold", "x") + Post("/echo", std::string(100'000, 'x')));
    HeldCall call = Held();
    call.context.cancellation->OnCancel([&] { cancelled.set_value(); });
    client.Reset();
    EXPECT_EQ(cancelled.get_future().wait_for(kLong), std::future_status::ready) << address;
    call.context.cancellation->OnCancel(nullptr);
  }
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
  StartUnix();
  ASSERT_EQ(server_->addresses().size(), 2U);
  EXPECT_EQ(address_, "unix:" + folder_ + "/s");
  TestClient client(address_);
  EXPECT_EQ(client.Ask(Get("/hello")).body, fmt::format("hello uid {} pid {}", geteuid(), getpid()));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/s"));
}

TEST_F(HttpServerTest, APortInUseFailsTheStart) {
  Start();
  HttpServerOptions options;
  options.listen = {*ParseListenAddress(address_)};
  HttpServer other(options, router_);
  EXPECT_THAT(std::string(other.Bind().message()), HasSubstr("address already in use"));
}

}  // namespace
}  // namespace accelerd
