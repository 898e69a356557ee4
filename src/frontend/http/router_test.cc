#include "frontend/http/router.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

Router MakeRouter() {
  Router router;
  router.Add({"GET", "/", 0, nullptr});
  router.Add({"GET", "/list", 0, nullptr});
  router.Add({"POST", "/unload/{}", 10, nullptr});
  router.Add({"POST", "/classify/{}/{}", 10, nullptr});
  router.Add({"GET", "/both", 0, nullptr});
  router.Add({"POST", "/both", 10, nullptr});
  return router;
}

TEST(Router, FindsRouteParametersAndQuery) {
  const Router router = MakeRouter();
  const auto match = router.Find("POST", "/classify/file/my%20model?output=a%2Bb+c&flag&=x");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->pattern, "/classify/{}/{}");
  EXPECT_EQ(match.parameters, (std::vector<std::string>{"file", "my model"}));
  const std::vector<std::pair<std::string, std::string>> query = {{"output", "a+b c"}, {"flag", ""}, {"", "x"}};
  EXPECT_EQ(match.query, query);
  EXPECT_NE(router.Find("GET", "/").route, nullptr);
  EXPECT_NE(router.Find("GET", "/?x=1").route, nullptr);
}

TEST(Router, HeadIsServedByGet) {
  const Router router = MakeRouter();
  ASSERT_NE(router.Find("HEAD", "/list").route, nullptr);
  EXPECT_EQ(router.Find("HEAD", "/list").route->method, "GET");
}

TEST(Router, UnknownUrlIs404) {
  const Router router = MakeRouter();
  for (const auto* target : {"/nothing", "/LIST", "/unload/", "/unload", "/unload//", "/unload/a/b", "/x/../list",
                             "/./list", "/%2Flist", "*", "list"}) {
    const auto match = router.Find("GET", target);
    EXPECT_EQ(match.route, nullptr) << target;
    EXPECT_TRUE(match.error.status == 404 || match.error.status == 400) << target;
  }
  EXPECT_EQ(router.Find("GET", "/nothing").error.status, 404);
  EXPECT_EQ(router.Find("GET", "/nothing").error.body, R"({"error":"no such URL"})");
}

TEST(Router, SeveralSlashesAreOne) {
  const Router router = MakeRouter();
  for (const auto* target : {"//list", "/list/", "///list//", "/list/?x=1", "http://host//list/"}) {
    const auto match = router.Find("GET", target);
    ASSERT_NE(match.route, nullptr) << target;
    EXPECT_EQ(match.route->pattern, "/list") << target;
  }
  for (const auto* target : {"//", "///", "//?x=1"}) {
    ASSERT_NE(router.Find("GET", target).route, nullptr) << target;
    EXPECT_EQ(router.Find("GET", target).route->pattern, "/") << target;
  }
  EXPECT_EQ(router.Find("POST", "/classify//file/m/").parameters, (std::vector<std::string>{"file", "m"}));
}

TEST(Router, OptionsNamesTheMethods) {
  const Router router = MakeRouter();
  const std::vector<std::pair<const char*, const char*>> expected = {{"/list", "GET, HEAD, OPTIONS"},
                                                                     {"/both/", "GET, HEAD, POST, OPTIONS"},
                                                                     {"/unload/x", "POST, OPTIONS"},
                                                                     {"*", "GET, HEAD, POST, OPTIONS"}};
  for (const auto& [target, allow] : expected) {
    const auto match = router.Find("OPTIONS", target);
    EXPECT_EQ(match.route, nullptr);
    EXPECT_EQ(match.error.status, 204) << target;
    EXPECT_EQ(match.error.headers.at(0), (std::pair<std::string, std::string>("Allow", allow))) << target;
    EXPECT_TRUE(match.error.body.empty());
  }
  EXPECT_EQ(router.Find("OPTIONS", "/nothing").error.status, 404);
}

TEST(Router, WrongMethodIs405WithAllow) {
  const Router router = MakeRouter();
  const auto match = router.Find("DELETE", "/both");
  EXPECT_EQ(match.error.status, 405);
  ASSERT_EQ(match.error.headers.size(), 1U);
  EXPECT_EQ(match.error.headers[0].first, "Allow");
  EXPECT_EQ(match.error.headers[0].second, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(match.error.body, R"({"error":"method not allowed here; use GET, HEAD, POST"})");
  EXPECT_EQ(router.Find("get", "/list").error.status, 405);
}

TEST(Router, MalformedEscapesAndNulAre400) {
  const Router router = MakeRouter();
  for (const auto* target : {"/unload/%", "/unload/%4", "/unload/%zz", "/unload/a%00b", "/list?x=%", "/list?%00=1"}) {
    EXPECT_EQ(router.Find("POST", target).error.status, 400) << target;
  }
}

TEST(Router, EscapedSlashesAndDotsStayInTheirSegment) {
  const Router router = MakeRouter();
  EXPECT_EQ(router.Find("POST", "/unload/a%2Fb").parameters, std::vector<std::string>{"a/b"});
  EXPECT_EQ(router.Find("POST", "/unload/%2e%2E").parameters, std::vector<std::string>{".."});
  EXPECT_EQ(router.Find("POST", "/unload/..%2f..%2fetc%2fpasswd").parameters,
            std::vector<std::string>{"../../etc/passwd"});
  EXPECT_EQ(router.Find("POST", "/unload%2Fx").error.status, 404);
  const std::string name(10 << 10, 'x');
  EXPECT_EQ(router.Find("POST", "/unload/" + name).parameters, std::vector<std::string>{name});
  // Decoded once: what is escaped twice stays escaped.
  EXPECT_EQ(router.Find("POST", "/unload/%252e").parameters, std::vector<std::string>{"%2e"});
}

TEST(Router, AbsoluteFormIsUnderstood) {
  const Router router = MakeRouter();
  EXPECT_NE(router.Find("GET", "http://host:5001/list").route, nullptr);
  EXPECT_NE(router.Find("GET", "HTTPS://host/list").route, nullptr);
  EXPECT_NE(router.Find("GET", "http://host").route, nullptr);
  EXPECT_EQ(router.Find("GET", "http://host?x=1").query.at(0).second, "1");
  EXPECT_EQ(router.Find("GET", "/list?url=ftp://host/").query.at(0).second, "ftp://host/");
  EXPECT_EQ(router.Find("GET", "ftp://host/list").error.status, 400);
  EXPECT_EQ(router.Find("GET", "http://host/nothing").error.status, 404);
}

TEST(StatusResponse, MapsEveryCode) {
  const std::vector<std::pair<absl::StatusCode, int>> expected = {
      {absl::StatusCode::kInvalidArgument, 400}, {absl::StatusCode::kFailedPrecondition, 400},
      {absl::StatusCode::kUnauthenticated, 401}, {absl::StatusCode::kPermissionDenied, 403},
      {absl::StatusCode::kNotFound, 404},        {absl::StatusCode::kAlreadyExists, 409},
      {absl::StatusCode::kAborted, 409},         {absl::StatusCode::kOutOfRange, 413},
      {absl::StatusCode::kUnimplemented, 501},   {absl::StatusCode::kResourceExhausted, 503},
      {absl::StatusCode::kUnavailable, 503},     {absl::StatusCode::kDeadlineExceeded, 503},
      {absl::StatusCode::kCancelled, 503},       {absl::StatusCode::kInternal, 500},
      {absl::StatusCode::kDataLoss, 500},        {absl::StatusCode::kUnknown, 500}};
  for (const auto& [code, status] : expected) {
    EXPECT_EQ(StatusResponse(absl::Status(code, "why")).status, status);
  }
}

TEST(StatusResponse, RetryAfterIsRoundedUpToSeconds) {
  const auto after = [](const absl::Status& status) {
    const auto response = StatusResponse(status);
    return response.headers.empty() ? "" : response.headers.at(0).first + "=" + response.headers.at(0).second;
  };
  EXPECT_EQ(after(WithRetryAfter(absl::UnavailableError("x"), std::chrono::milliseconds(1200))), "Retry-After=2");
  EXPECT_EQ(after(WithRetryAfter(absl::UnavailableError("x"), std::chrono::milliseconds(1))), "Retry-After=1");
  EXPECT_EQ(after(absl::ResourceExhaustedError("x")), "Retry-After=1");
  EXPECT_EQ(after(absl::DeadlineExceededError("x")), "");
}

TEST(StatusResponse, AClientOverItsShareIsToldApart) {
  for (const absl::Status& status : {absl::ResourceExhaustedError("yours"), absl::DeadlineExceededError("yours")}) {
    const HttpResponse response = StatusResponse(
        WithRetryAfter(WithReason(WithClientLimit(status), "client_queue_full"), std::chrono::seconds(3)));
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(response.body, R"({"error":"yours","reason":"client_queue_full"})");
    EXPECT_EQ(response.headers.at(0).second, "3");
  }
  EXPECT_EQ(StatusResponse(WithClientLimit(absl::DeadlineExceededError("x"))).headers.at(0).second, "1");
}

TEST(StatusResponse, ASupersededRequestSaysSo) {
  const HttpResponse response = StatusResponse(WithReason(absl::AbortedError("a newer one"), "superseded"));
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body, R"({"error":"a newer one","reason":"superseded"})");
  EXPECT_TRUE(response.headers.empty());
}

TEST(StatusResponse, BadUtf8IsReplaced) {
  EXPECT_EQ(ErrorResponse(400, "a\xff\"b").body, "{\"error\":\"a\xEF\xBF\xBD\\\"b\"}");
}

}  // namespace
}  // namespace accelerd
