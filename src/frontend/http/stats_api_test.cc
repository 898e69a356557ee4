#include "frontend/http/stats_api.h"

#include <chrono>

#include "fmt/core.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using Json = nlohmann::json;

class FakeStats : public StatsService {
 public:
  SchedulerStats GetStats() const override { return stats; }

  SchedulerStats stats;
};

class StatsApiTest : public testing::Test {
 protected:
  StatsApiTest() { AddStatsApi(stats_, answers_, router_); }

  HttpResponse AskFor() {
    const Router::Match match = router_.Find("GET", "/stats");
    HttpResponse answer;
    match.route->handler({}, nullptr, [&](HttpResponse response) { answer = std::move(response); });
    return answer;
  }

  std::string Ask() {
    const HttpResponse response = AskFor();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "application/json");
    return response.body;
  }

  /// Later ones had more of the device.
  void AddClients(int count) {
    for (int i = 0; i < count; ++i) {
      ShareStats part;
      part.device_time = std::chrono::microseconds(12'345 * i);
      part.completed = 1;
      part.refused.fill(static_cast<std::uint64_t>(i));
      stats_.stats.clients.push_back({{.group = fmt::format("uid 1000 pid {}", i), .process = "python3"}, part});
      stats_.stats.total.device_time += part.device_time;
      stats_.stats.total.completed++;
    }
  }

  FakeStats stats_;
  const std::shared_ptr<ByteBudget> answers_ = std::make_shared<ByteBudget>(400'000);
  Router router_;
};

TEST_F(StatsApiTest, NothingYet) {
  const Json json = Json::parse(Ask());
  EXPECT_EQ(json, Json::parse(R"({"waiting": 0, "running": 0, "completed": 0, "decoded": 0, "failed": 0,
      "cancelled": 0, "refused": {}, "device_seconds": 0.0, "device_share": 0.0, "cpu_seconds": 0.0,
      "mean_wait_ms": 0.0, "longest_wait_ms": 0.0,
      "last_10s": {"device_utilization": 0.0, "device_share": 0.0, "cpu_threads": 0.0, "completed": 0},
      "last_60s": {"device_utilization": 0.0, "device_share": 0.0, "cpu_threads": 0.0, "completed": 0},
      "queued_bytes": 0, "clients": [], "models": []})"));
}

TEST_F(StatsApiTest, SharesOfClientsAndModels) {
  SchedulerStats& stats = stats_.stats;
  stats.queued_bytes = 5;
  stats.total.waiting = 3;
  stats.total.device_time = 2000ms;
  stats.total.started = 4;
  stats.total.wait = 10ms;
  stats.total.longest_wait = 6ms;
  ShareStats part;
  part.device_time = 500ms;
  part.running = 1;
  part.refused[static_cast<std::size_t>(RefusalReason::kSuperseded)] = 7;
  stats.clients = {{{.group = "uid 1 pid 2 (a\xff)", .member = "cam", .weight = 2}, part}, {{}, {}}};
  stats.models = {{"m", part}};
  const Json json = Json::parse(Ask());
  EXPECT_EQ(json["waiting"], 3);
  EXPECT_EQ(json["queued_bytes"], 5);
  EXPECT_EQ(json["device_share"], 1.0);
  EXPECT_EQ(json["mean_wait_ms"], 2.5);
  EXPECT_EQ(json["longest_wait_ms"], 6.0);
  const Json& client = json["clients"][0];
  EXPECT_EQ(client["client"], "uid 1 pid 2 (a\xEF\xBF\xBD)");
  EXPECT_EQ(client["id"], "cam");
  EXPECT_EQ(client["weight"], 2.0);
  EXPECT_EQ(client["device_seconds"], 0.5);
  EXPECT_EQ(client["device_share"], 0.25);
  EXPECT_EQ(client["refused"], Json({{"superseded", 7}}));
  EXPECT_EQ(json["clients"][1]["client"], "");
  EXPECT_FALSE(json["clients"][1].contains("id"));
  EXPECT_EQ(json["models"][0]["model"], "m");
  EXPECT_EQ(json["models"][0]["running"], 1);
}

TEST_F(StatsApiTest, RecentUseIsOfTheTimeThatTheServiceRan) {
  SchedulerStats& stats = stats_.stats;
  ShareStats part;
  part.recent = {RecentShare{.device_time = 2000ms, .processor_time = 15'000ms, .completed = 7},
                 RecentShare{.device_time = 6000ms, .processor_time = 16'000ms, .completed = 9}};
  stats.total.recent = {RecentShare{.device_time = 8000ms}, RecentShare{.device_time = 12'000ms}};
  stats.clients = {{{.group = "a"}, part}};
  stats.uptime = std::chrono::seconds(20);
  Json json = Json::parse(Ask());
  EXPECT_EQ(json["last_10s"]["device_utilization"], 0.8);
  EXPECT_EQ(json["last_60s"]["device_utilization"], 0.6);
  EXPECT_EQ(json["clients"][0]["last_10s"], Json::parse(R"({"device_utilization": 0.2, "device_share": 0.25,
                                                             "cpu_threads": 1.5, "completed": 7})"));
  EXPECT_EQ(json["clients"][0]["last_60s"], Json::parse(R"({"device_utilization": 0.3, "device_share": 0.5,
                                                             "cpu_threads": 0.8, "completed": 9})"));
  stats.uptime = std::chrono::hours(1);
  json = Json::parse(Ask());
  EXPECT_EQ(json["last_60s"]["device_utilization"], 0.2);
}

TEST_F(StatsApiTest, OthersThanThoseWithMostTimeShareOneEntry) {
  ShareStats forgotten;
  forgotten.completed = 5;
  stats_.stats.clients.push_back({{}, forgotten});
  stats_.stats.total.completed = 5;
  AddClients(static_cast<int>(kListedShares));
  Json json = Json::parse(Ask());
  EXPECT_EQ(json["clients"].size(), kListedShares + 1);
  EXPECT_EQ(json["clients"][0]["client"], fmt::format("uid 1000 pid {} (python3)", kListedShares - 1));
  EXPECT_EQ(json["clients"].back()["client"], "");
  EXPECT_EQ(json["clients"].back()["completed"], 5);
  EXPECT_FALSE(json["clients"].back().contains("others"));

  stats_.stats.clients.push_back({{.group = "waits", .member = "id"}, {}});
  stats_.stats.clients.back().stats.waiting = 2;
  stats_.stats.total.waiting = 2;
  stats_.stats.models = {{"m", {}}};
  json = Json::parse(Ask());
  EXPECT_EQ(json["clients"].size(), kListedShares + 1);
  EXPECT_EQ(json["clients"].back()["client"], "");
  EXPECT_EQ(json["clients"].back()["others"], 1);
  EXPECT_EQ(json["clients"].back()["waiting"], 2);
  for (const char* member : {"completed", "waiting"}) {
    int sum = 0;
    for (const Json& client : json["clients"]) {
      sum += client[member].get<int>();
    }
    EXPECT_EQ(sum, json[member]) << member;
  }
  EXPECT_EQ(json["models"].size(), 1);
}

TEST_F(StatsApiTest, ModelsLikewise) {
  for (std::size_t i = 0; i < kListedShares + 3; ++i) {
    stats_.stats.models.push_back({fmt::format("m{}", i), {}});
  }
  const Json json = Json::parse(Ask());
  EXPECT_EQ(json["models"].size(), kListedShares + 1);
  EXPECT_EQ(json["models"].back()["model"], "");
  EXPECT_EQ(json["models"].back()["others"], 3);
}

TEST_F(StatsApiTest, ALargeAnswerIsReserved) {
  EXPECT_EQ(AskFor().memory, nullptr);
  AddClients(1000);
  std::vector<HttpResponse> kept;
  while (kept.empty() || kept.back().status == 200) {
    ASSERT_LE(answers_->used(), answers_->limit());
    ASSERT_LT(kept.size(), 100);
    kept.push_back(AskFor());
  }
  EXPECT_EQ(kept.back().status, 503);
  EXPECT_EQ(kept.size(), answers_->limit() / kept.front().body.size() + 1);
  kept.clear();
  EXPECT_EQ(answers_->used(), 0);
  EXPECT_EQ(AskFor().status, 200);
}

TEST_F(StatsApiTest, AThousandClients) {
  AddClients(1000);
  const auto begin = std::chrono::steady_clock::now();
  const std::string body = Ask();
  RecordProperty("microseconds",
                 static_cast<int>((std::chrono::steady_clock::now() - begin) / std::chrono::microseconds(1)));
  RecordProperty("bytes", static_cast<int>(body.size()));
  EXPECT_EQ(Json::parse(body)["clients"].size(), kListedShares + 1);
}

}  // namespace
}  // namespace accelerd
