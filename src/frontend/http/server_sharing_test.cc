#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "fmt/core.h"
#include "frontend/http/server_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

/// Connections that are more than there are places.
class HttpConnectionsTest : public HttpServerTest {
 protected:
  /// Asks the server for a path over TCP by a process of its own; the whole answer.
  std::string AskByAnotherProcess(const std::string& path) const {
    const std::string port = server_->addresses().front().substr(std::string("127.0.0.1:").size());
    const std::string command = fmt::format(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}; printf \"GET {} HTTP/1.1\\r\\nHost: x\\r\\nConnection: "
        "close\\r\\n\\r\\n\" >&3; cat <&3'",
        port, path);
    const std::unique_ptr<FILE, int (*)(FILE*)> answer(popen(command.c_str(), "r"), &pclose);
    std::string text;
    for (int c = std::fgetc(answer.get()); c != EOF; c = std::fgetc(answer.get())) {
      text += static_cast<char>(c);
    }
    return text;
  }
};

TEST_F(HttpConnectionsTest, WithoutIdleConnectionsNewOnesAreTurnedAway) {
  options_.max_connections = 2;
  Start();
  TestClient one = Connect();
  TestClient two = Connect();
  one.Send(Post("/hold", "1"));
  HeldCall first = Held();
  two.Send(Post("/hold", "2"));
  HeldCall second = Held();
  TestClient three = Connect();
  const auto response = three.Ask(Get("/hello"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("Retry-After"), "1");
  EXPECT_TRUE(three.AtEnd());
  first.respond(Text("done"));
  EXPECT_EQ(one.Read().body, "done");
  EXPECT_EQ(Connect().Ask(Get("/hello")).status, 200) << "the first one is idle now";
  second.respond(Text("done"));
  EXPECT_EQ(two.Read().body, "done");
}

TEST_F(HttpConnectionsTest, HealthIsAnsweredWhenThereIsNoPlace) {
  options_.max_connections = 2;
  Start();
  std::vector<TestClient> clients;
  std::vector<HeldCall> calls;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(Connect());
    clients.back().Send(Post("/hold", "x"));
    calls.push_back(Held());
  }
  TestClient early = Connect();
  // Connections that say nothing do not keep others from asking.
  std::vector<TestClient> silent;
  for (std::size_t i = 0; i < 2 * kLobbyPlaces; ++i) {
    silent.push_back(Connect());
  }
  EXPECT_TRUE(early.AtEnd());
  TestClient second_probe = Connect();
  EXPECT_EQ(second_probe.Ask(Get("/health")).status, 200);
  EXPECT_EQ(second_probe.Ask(Get("/health")).status, 200) << "over a kept connection";
  EXPECT_EQ(second_probe.Ask(Get("/hello")).status, 503);
  for (HeldCall& call : calls) {
    call.respond(Text("done"));
  }
  for (TestClient& client : clients) {
    EXPECT_EQ(client.Read().body, "done") << "nobody lost a call";
  }
}

TEST_F(HttpConnectionsTest, ABodyThatStallsMakesRoom) {
  options_.max_connections = 2;
  Start();
  std::vector<TestClient> stalled;
  for (int i = 0; i < 2; ++i) {
    stalled.push_back(Connect());
    EXPECT_EQ(stalled.back()
                  .Ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                  .status,
              100);
  }
  TestClient fresh = Connect();
  TestClient::Response answer;
  const Time end = Clock::Steady().Now() + kLong;
  while (answer.status != 200 && Clock::Steady().Now() < end) {
    fresh = Connect();
    answer = fresh.Ask(Get("/hello"));
  }
  EXPECT_EQ(answer.status, 200);
  const TestClient::Response told = stalled.front().Read();
  EXPECT_EQ(told.status, 408);
  EXPECT_THAT(told.body, HasSubstr("while other clients needed connections"));
  EXPECT_EQ(fresh.Ask(Get("/hello")).status, 200);
  EXPECT_TRUE(stalled.front().AtEnd());
}

TEST_F(HttpConnectionsTest, AnAnswerThatNobodyReadsMakesRoom) {
  options_.max_connections = 1;
  Start();
  TestClient slow = Connect();
  slow.Send(Post("/hold", "x"));
  Held().respond(Text(std::string(64 << 20, 'x')));
  TestClient::Response answer;
  const Time end = Clock::Steady().Now() + kLong;
  while (answer.status != 200 && Clock::Steady().Now() < end) {
    answer = Connect().Ask(Get("/hello"));
  }
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(slow.Read().status, 0);
}

TEST_F(HttpConnectionsTest, WhoHasMostLosesItsLastRequestToAnotherClient) {
  options_.max_connections = 3;
  StartUnix();
  std::vector<TestClient> greedy;
  std::vector<HeldCall> calls;
  for (int i = 0; i < 3; ++i) {
    greedy.emplace_back(address_);
    greedy.back().Send(Post("/hold", "x"));
    calls.push_back(Held());
  }
  std::promise<void> cancelled;
  calls[2].context.cancellation->OnCancel([&] { cancelled.set_value(); });
  TestClient same(address_);
  EXPECT_EQ(same.Ask(Get("/hello")).status, 503) << "it has most itself";
  EXPECT_THAT(AskByAnotherProcess("/hello"), HasSubstr("HTTP/1.1 200"));
  const TestClient::Response told = greedy[2].Read();
  EXPECT_EQ(told.status, 429);
  EXPECT_THAT(told.body, HasSubstr("client_connections"));
  EXPECT_EQ(told.headers.at("Retry-After"), "1");
  EXPECT_TRUE(greedy[2].AtEnd());
  EXPECT_EQ(cancelled.get_future().wait_for(kLong), std::future_status::ready);
  for (int i = 0; i < 2; ++i) {
    calls[i].respond(Text("done"));
    EXPECT_EQ(greedy[i].Read().body, "done");
  }
}

TEST_F(HttpConnectionsTest, OneClientAloneLeavesPlacesFree) {
  options_.max_connections = 32;
  StartUnix();
  std::vector<TestClient> greedy;
  std::vector<HeldCall> calls;
  for (int i = 0; i < 30; ++i) {
    greedy.emplace_back(address_);
    greedy.back().Send(Post("/hold", "x"));
    calls.push_back(Held());
  }
  const TestClient::Response refused = TestClient(address_).Ask(Get("/hello"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("client_connections"));
  EXPECT_EQ(TestClient(address_).Ask(Get("/health")).status, 200);
  EXPECT_EQ(TestClient(server_->addresses().front()).Ask(Get("/hello")).status, 200);
  for (HeldCall& call : calls) {
    call.respond(Text("done"));
  }
  for (TestClient& client : greedy) {
    EXPECT_EQ(client.Read().body, "done");
  }
}

TEST_F(HttpConnectionsTest, LoadsOfOneClientAtOnceAreBounded) {
  Start();
  std::vector<TestClient> clients;
  std::vector<HeldCall> calls;
  for (std::size_t i = 0; i < kMaxClientLoads; ++i) {
    clients.push_back(Connect());
    clients.back().Send(Post("/load", "x"));
    calls.push_back(Held());
  }
  TestClient refused = Connect();
  const TestClient::Response answer = refused.Ask(Post("/load", "x"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, HasSubstr("client_loads"));
  EXPECT_EQ(refused.Ask(Get("/hello")).status, 200);
  calls.front().respond(Text("done"));
  EXPECT_EQ(clients.front().Read().body, "done");
  clients.front().Send(Post("/load", "x"));
  Held().respond(Text("again"));
  EXPECT_EQ(clients.front().Read().body, "again");
}

TEST_F(HttpConnectionsTest, IdleConnectionsMakeRoomForNewOnes) {
  options_.max_connections = 3;
  Start();
  TestClient silent = Connect();
  TestClient kept = Connect();
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200);
  TestClient unfinished = Connect();
  unfinished.Send("GET /hello HTTP/1.1\r\nHos");
  TestClient first = Connect();
  EXPECT_EQ(first.Ask(Get("/hello")).status, 200);
  EXPECT_TRUE(silent.AtEnd());
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200) << "a later one was closed although it was idle for longer";
  TestClient second = Connect();
  EXPECT_EQ(second.Ask(Get("/hello")).status, 200);
  EXPECT_FALSE(unfinished.Ask("t: x\r\n\r\n").status == 200) << "an unfinished header does not keep a place";
  EXPECT_EQ(first.Ask(Get("/hello")).status, 200);
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200);
}

TEST_F(HttpConnectionsTest, WhoWaitsForTheEndOfARefusedClientTakesNoPlace) {
  options_.max_connections = 1;
  Start();
  TestClient refused = Connect();
  EXPECT_EQ(refused.Ask("no HTTP\r\n\r\n").status, 400);
  EXPECT_EQ(Connect().Ask(Get("/hello")).status, 200);
}

TEST_F(HttpConnectionsTest, AConnectionWhoseRequestIsThereIsNotClosedForANewOne) {
  options_.max_connections = 2;
  std::promise<void> blocked;
  std::promise<void> release;
  Responder unblock;
  router_.Add({"GET", "/block", 0, [&](const CallContext&, const auto&, Responder respond) {
                 unblock = std::move(respond);
                 blocked.set_value();
                 release.get_future().wait();
               }});
  Start();
  TestClient blocking = Connect();
  TestClient kept = Connect();
  EXPECT_EQ(kept.Ask(Get("/hello")).status, 200);
  blocking.Send(Get("/block"));
  blocked.get_future().wait();
  // Both come while the I/O thread is occupied, the new connection first.
  TestClient other = Connect();
  kept.Send(Get("/hello"));
  release.set_value();
  EXPECT_EQ(kept.Read().status, 200);
  EXPECT_EQ(other.Ask(Get("/hello")).status, 200) << "by then the other request was answered";
  unblock(Text("unblocked"));
  EXPECT_EQ(blocking.Read().body, "unblocked");
}

TEST_F(HttpConnectionsTest, WithoutDescriptorsIdleConnectionsMakeRoomForNewOnes) {
  std::promise<void> blocked;
  std::promise<void> release;
  router_.Add({"GET", "/block", 0, [&](const CallContext&, const auto&, const Responder& respond) {
                 blocked.set_value();
                 release.get_future().wait();
                 respond(Text("unblocked"));
               }});
  Start();
  TestClient idle = Connect();
  EXPECT_EQ(idle.Ask(Get("/hello")).status, 200);
  TestClient blocking = Connect();
  blocking.Send(Get("/block"));
  blocked.get_future().wait();
  TestClient fresh = Connect();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  rlimit none_left = limit;
  {
    const UniqueFd lowest_free(dup(STDIN_FILENO));
    none_left.rlim_cur = static_cast<rlim_t>(lowest_free.get());
  }
  setrlimit(RLIMIT_NOFILE, &none_left);
  release.set_value();
  EXPECT_EQ(fresh.Ask(Get("/hello")).status, 200);
  EXPECT_TRUE(idle.AtEnd());
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(blocking.Read().body, "unblocked");
}

}  // namespace
}  // namespace accelerd
