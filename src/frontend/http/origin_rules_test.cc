#include "frontend/http/origin_rules.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

RequestHead Head(const std::string& headers, const std::string& method = "POST") {
  RequestParser parser;
  RequestHead head;
  EXPECT_FALSE(parser.ParseHead(method + " /load HTTP/1.1\r\n" + headers + "\r\n", head));
  return head;
}

/// The status of the answer; 0: there is none, the request goes on to its route.
int Answered(const std::string& headers, const OriginRules& rules, const std::string& method = "POST",
             bool at_loopback = true) {
  const auto answer = AnswerByOrigin(Head(headers, method), rules, at_loopback);
  return answer ? answer->status : 0;
}

int AnsweredHost(const std::string& host) {
  const OriginRules rules{.origins = {}, .hosts = {"robot"}};
  return Answered("Host: " + host + "\r\n", rules);
}

TEST(OriginRules, HostsOfTheMachine) {
  for (const char* host : {"localhost", "LocalHost:5001", "127.0.0.1:5001", "192.0.2.1", "[::1]:5001", "[::1]", "robot",
                           "ROBOT:80", "", "localhost.", "localhost.:5001", "app.localhost", "App.LocalHost.:5001",
                           "a.b.localhost", "ip6-localhost:5001", "IP6-LOOPBACK", "robot.", "robot.:80"}) {
    EXPECT_EQ(AnsweredHost(host), 0) << host;
  }
  for (const char* host : {"evil.example:5001", "localhost.evil.example", "127.0.0.1.evil.example", "robot.x", "1.2.3",
                           "[evil]:1", "[evil", "evillocalhost", "localhost..", "robot..", "robot.local",
                           "host.docker.internal", "ip6-localhost.evil.example"}) {
    EXPECT_EQ(AnsweredHost(host), 403) << host;
  }
  EXPECT_EQ(Answered("", {}), 0);
  EXPECT_EQ(Answered("Host: any\r\n", {.origins = {}, .hosts = {"*"}}), 0);
  EXPECT_EQ(Answered("Host: any\r\n", {}), 403);
  EXPECT_EQ(Answered("Host: any\r\n", {}, "POST", /*at_loopback=*/false), 0) << "others reach the machine by names";
}

TEST(OriginRules, PagesOfOtherSites) {
  const std::string host = "Host: 127.0.0.1:5001\r\n";
  const OriginRules rules{.origins = {"https://robot.example"}, .hosts = {}};
  EXPECT_EQ(Answered(host, rules), 0);
  EXPECT_EQ(Answered(host + "Origin: http://127.0.0.1:5001\r\n", rules), 0);
  EXPECT_EQ(Answered(host + "Origin: https://Robot.example\r\n", rules), 0);
  for (const char* origin : {"http://evil.example", "null", "http://robot.example", "http://127.0.0.1:5002", "",
                             "https://robot.example.evil"}) {
    EXPECT_EQ(Answered(host + "Origin: " + origin + "\r\n", rules), 403) << origin;
  }
  EXPECT_EQ(Answered(host + "Origin: https://robot.example\r\nOrigin: http://evil.example\r\n", rules), 403);
  EXPECT_EQ(Answered(host + "Origin: http://any.example\r\n", {.origins = {"*"}, .hosts = {}}), 0);
  const auto refused = AnswerByOrigin(Head(host + "Origin: http://evil.example\r\n"), {}, /*at_loopback=*/true);
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->body, HasSubstr("--allow-origin"));
}

TEST(OriginRules, Preflight) {
  const OriginRules rules{.origins = {"https://robot.example"}, .hosts = {}};
  const std::string preflight = "Host: localhost\r\nAccess-Control-Request-Method: POST\r\nOrigin: ";
  EXPECT_EQ(Answered(preflight + "https://robot.example\r\n", rules, "OPTIONS"), 200);
  EXPECT_EQ(Answered(preflight + "https://evil.example\r\n", rules, "OPTIONS"), 403);
  EXPECT_EQ(Answered(preflight + "https://robot.example\r\n", rules, "POST"), 0);
  EXPECT_EQ(Answered("Host: localhost\r\nOrigin: https://robot.example\r\n", rules, "OPTIONS"), 0);
}

TEST(OriginRules, HeadersForAllowedPagesAlone) {
  const OriginRules rules{.origins = {"https://robot.example"}, .hosts = {}};
  EXPECT_EQ(OriginHeaders(Head("Host: x\r\nOrigin: https://robot.example\r\n"), rules),
            "Access-Control-Allow-Origin: https://robot.example\r\n"
            "Access-Control-Expose-Headers: Allow, Retry-After, X-Image-Warning\r\n"
            "Vary: Origin\r\n");
  EXPECT_THAT(OriginHeaders(Head("Host: x\r\nOrigin: https://evil.example\r\n"), rules), IsEmpty());
  EXPECT_THAT(OriginHeaders(Head("Host: x\r\n"), rules), IsEmpty());
}

TEST(OriginRules, Loopback) {
  for (const char* address : {"127.0.0.1:5001", "127.0.1.1:1", "[::1]:5001", "unix:/s"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0:5001", "[::]:5001", "192.0.2.1:1", "[::ffff:127.0.0.1]:1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace accelerd
