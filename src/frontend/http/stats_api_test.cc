#include "frontend/http/stats_api.h"

#include <algorithm>
#include <chrono>

#include "fmt/core.h"
#include "frontend/http/client_share.h"
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
  StatsApiTest() { AddStatsApi(stats_, answers_, router_, kOwner); }

  static constexpr std::uint32_t kOwner = 900;

  HttpResponse AskFor(const Client& viewer = {.group = "uid 0"}) {
    const Router::Match match = router_.Find("GET", "/stats");
    HttpResponse answer;
    CallContext context;
    context.client = viewer;
    match.route->handler(std::move(context), nullptr, [&](HttpResponse response) { answer = std::move(response); });
    return answer;
  }

  std::string Ask(const Client& viewer = {.group = "uid 0"}) {
    const HttpResponse response = AskFor(viewer);
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

/// Returns the clients that an answer names, with their ids.
std::vector<std::pair<std::string, std::string>> Names(const Json& json) {
  std::vector<std::pair<std::string, std::string>> names;
  for (const Json& client : json["clients"]) {
    names.emplace_back(client["client"], client.value("id", ""));
  }
  return names;
}

TEST_F(StatsApiTest, WhoSeesWhom) {
  const auto add = [&](const Client& client) {
    ShareStats part;
    part.device_time = std::chrono::milliseconds(100 - stats_.stats.clients.size());
    part.completed = 1;
    stats_.stats.total.completed++;
    stats_.stats.clients.push_back({client, part});
  };
  add({.group = "uid 1000 pid 7", .member = "door", .process = "python3"});
  add({.group = "uid 1001 pid 8", .member = "secret", .process = "ffmpeg"});
  add({.group = "address 192.0.2.7"});
  add({.group = "id camera"});
  add({.group = "canary"});
  add({});
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const Pairs all = {{"uid 1000 pid 7 (python3)", "door"},
                     {"uid 1001 pid 8 (ffmpeg)", "secret"},
                     {"address 192.0.2.7", ""},
                     {"id camera", ""},
                     {"canary", ""},
                     {"", ""}};
  const Pairs of_1000 = {{"uid 1000 pid 7 (python3)", "door"},
                         {"other 1", ""},
                         {"other 2", ""},
                         {"other 3", ""},
                         {"canary", ""},
                         {"", ""}};
  const Pairs of_1002 = {{"other 1", ""}, {"other 2", ""}, {"other 3", ""}, {"other 4", ""}, {"canary", ""}, {"", ""}};
  const Pairs of_192_0_2_7 = {{"address 192.0.2.7", ""}, {"", ""}};
  const Pairs of_nobody = {{"", ""}};
  for (const auto& [viewer, names] :
       std::vector<std::pair<Client, Pairs>>{{{.group = "uid 0"}, all},
                                             {{.group = "uid 900 pid 1"}, all},
                                             {{.group = "uid 1000 pid 9"}, of_1000},
                                             {{.group = "uid 1002"}, of_1002},
                                             {{.group = "address 192.0.2.7"}, of_192_0_2_7},
                                             {{.group = "address 192.0.2.8"}, of_nobody},
                                             {{}, of_nobody}}) {
    const Json json = Json::parse(Ask(viewer));
    EXPECT_EQ(Names(json), names) << viewer.group;
    int completed = 0;
    for (const Json& client : json["clients"]) {
      completed += client["completed"].get<int>();
    }
    EXPECT_EQ(completed, 6) << "hidden entries count";
    EXPECT_EQ(json["completed"], 6);
  }
}

TEST_F(StatsApiTest, NamesAreAscii) {
  stats_.stats.clients = {{{.group = "uid 1", .member = "\x9b\xc2\x9b\x1b\x7f\xe2\x80\xae"}, {}}};
  const std::string text = Ask();
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; })) << text;
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
  EXPECT_EQ(kept.size(), ClientShare(answers_->limit(), 0) / kept.front().body.size() + 1);
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
