#include <sys/socket.h>
#include <unistd.h>

#include "frontend/http/server_fixture.h"
#include "frontend/http/socket_holders.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

/// Calls of the scheduler are held.
class HttpConditionsTest : public HttpServerTest {
 protected:
  HttpConditionsTest() {
    router_.Add({"POST", "/infer", SIZE_MAX,
                 [this](CallContext context, auto request, Responder respond) {
                   const std::lock_guard lock(mutex_);
                   held_.push_back({std::move(context), std::move(request), std::move(respond)});
                   changed_.notify_all();
                 },
                 CallKind::kScheduled});
  }

  /// What the handler got of a request that is answered.
  CallContext ContextOf(TestClient& client, const std::string& path, const std::string& headers = "") {
    EXPECT_TRUE(client.Send(Post(path, "x", headers)));
    HeldCall call = Held();
    call.respond(Text("done"));
    EXPECT_EQ(client.Read().status, 200);
    return call.context;
  }

  static std::string Process() { return fmt::format("uid {} pid {}", geteuid(), getpid()); }
};

TEST_F(HttpConditionsTest, ConditionsReachTheCall) {
  Start();
  TestClient client = Connect();
  const Time begin = Clock::Steady().Now();
  const CallContext context = ContextOf(
      client, "/infer?stream=cam", "X-Priority: batch\r\nX-Timeout-Ms: 5000\r\nX-Client-Id: me\r\nX-Stream: cam\r\n");
  EXPECT_EQ(context.priority, PriorityClass::kBatch);
  EXPECT_EQ(context.stream, "cam");
  EXPECT_EQ(context.client.group, Process());
  EXPECT_EQ(context.client.member, "me");
  EXPECT_GE(context.deadline, begin + std::chrono::seconds(5));
  EXPECT_LT(context.deadline, begin + std::chrono::seconds(5) + kLong);
}

TEST_F(HttpConditionsTest, ATimeoutNeverLengthens) {
  options_.request_timeout = std::chrono::seconds(1);
  Start();
  TestClient client = Connect();
  const Time deadline = ContextOf(client, "/infer", "X-Timeout-Ms: 9223372036854775807\r\n").deadline;
  EXPECT_LE(deadline, Clock::Steady().Now() + std::chrono::seconds(1));
}

TEST_F(HttpConditionsTest, WhatIsWrongIsAnsweredBeforeTheBody) {
  Start();
  TestClient client = Connect();
  client.Send("POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Timeout-Ms: soon\r\n\r\n");
  const TestClient::Response response = client.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("X-Timeout-Ms"));
  TestClient other = Connect();
  EXPECT_EQ(other.Ask(Post("/echo?stream=", "x", "X-Timeout-Ms: soon\r\n")).status, 200)
      << "not a call with conditions";
}

TEST_F(HttpConditionsTest, AClassThatIsNotGranted) {
  Start();
  const TestClient::Response response = Connect().Ask(Post("/infer", "x", "X-Priority: realtime\r\n"));
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(response.body, HasSubstr(fmt::format("--client \\\"uid:{} priority=realtime\\\"", geteuid())));
}

TEST_F(HttpConditionsTest, GrantsAreOfTheUserBehindAConnection) {
  ClientRule rule;
  rule.uid = geteuid();
  rule.grant = {.weight = 3, .highest = PriorityClass::kRealtime, .trusted = true};
  options_.clients = {rule};
  Start();
  TestClient client = Connect();
  const CallContext context = ContextOf(client, "/infer", "X-Priority: realtime\r\nX-Client-Id: cam\r\n");
  EXPECT_EQ(context.priority, PriorityClass::kRealtime);
  EXPECT_EQ(context.client.group, "id cam");
  EXPECT_EQ(context.client.member, "");
  EXPECT_EQ(context.client.weight, 3);
}

TEST_F(HttpConditionsTest, AProcessIsOneClientOverEveryConnection) {
  const std::string path = fmt::format("{}conditions-{}", testing::TempDir(), getpid());
  options_.listen.push_back({"", 0, path});
  Start();
  TestClient tcp = Connect();
  TestClient other_tcp = Connect();
  TestClient over_unix(server_->addresses().back());
  for (TestClient* client : {&tcp, &other_tcp, &over_unix, &tcp}) {
    EXPECT_EQ(ContextOf(*client, "/infer").client.group, Process());
  }
}

TEST_F(HttpConditionsTest, WhoLeavesWhileItsProcessIsLookedForIsNoHarm) {
  Start();
  for (int i = 0; i < 50; ++i) {
    TestClient leaving = Connect();
    leaving.Send(Post("/infer", "x"));
    leaving.Close();
  }
  TestClient client = Connect();
  client.Send(Post("/infer", "x", "X-Client-Id: last\r\n"));
  HeldCall call = Held();
  while (call.context.client.member != "last") {
    call = Held();
  }
  call.respond(Text("done"));
  EXPECT_EQ(client.Read().status, 200);
}

}  // namespace
}  // namespace accelerd
