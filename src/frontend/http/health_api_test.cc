#include "frontend/http/health_api.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

class FakeStatus : public StatusService {
 public:
  Health GetHealth() const override { return health; }
  Health health;
};

class HealthApiTest : public testing::Test {
 protected:
  HealthApiTest() { AddHealthApi(status_, router_); }

  HttpResponse Get(const std::string& target) {
    const Router::Match match = router_.Find("GET", target);
    EXPECT_NE(match.route, nullptr);
    HttpResponse answer;
    match.route->handler({}, std::make_shared<const HttpRequest>(),
                         [&answer](HttpResponse response) { answer = std::move(response); });
    return answer;
  }

  FakeStatus status_;
  Router router_;
};

TEST_F(HealthApiTest, TellsAllInJson) {
  status_.health = {.ready = false,
                    .reason = "device X is LOST",
                    .devices = {{.name = "X",
                                 .state = "LOST",
                                 .since = std::chrono::system_clock::time_point(std::chrono::milliseconds(1500)),
                                 .restarts = 2,
                                 .last_error = "gone \xff"}},
                    .models = {{"m", ModelState::kUnavailable, "broken"}},
                    .waiting_for = {}};
  const HttpResponse response = Get("/health");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(nlohmann::json::parse(response.body), nlohmann::json::parse(R"({
    "live": true, "ready": false, "reason": "device X is LOST",
    "devices": [{"name": "X", "state": "LOST", "since": "1970-01-01T00:00:01.500Z", "restarts": 2,
                 "last_error": "gone \ufffd"}],
    "models": [{"name": "m", "state": "UNAVAILABLE", "reason": "broken"}]})"));
}

TEST_F(HealthApiTest, ReadinessIsAStatus) {
  status_.health = {.ready = false, .reason = "it is shutting down", .devices = {}, .models = {}, .waiting_for = {}};
  EXPECT_EQ(Get("/health/ready").status, 503);
  EXPECT_EQ(Get("/health/ready").body, R"({"ready":false,"reason":"it is shutting down"})");
  status_.health.waiting_for = {{"m", ModelState::kUnavailable, "broken"}};
  EXPECT_EQ(nlohmann::json::parse(Get("/health/ready").body)["models"],
            nlohmann::json::parse(R"([{"name": "m", "state": "UNAVAILABLE", "reason": "broken"}])"));
  EXPECT_EQ(Get("/health/live").status, 200);
  status_.health.ready = true;
  EXPECT_EQ(Get("/health/ready").status, 200);
}

}  // namespace
}  // namespace accelerd
