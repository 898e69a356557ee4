#include "cli/present_stats.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kStats = R"json({
  "waiting": 3, "running": 1, "completed": 4102, "decoded": 5, "failed": 2, "cancelled": 0,
  "refused": {"queue_full": 3, "expired": 4}, "device_seconds": 41.02, "device_share": 1.0,
  "last_10s": {"device_utilization": 0.831, "device_share": 1, "cpu_threads": 1.25, "completed": 120},
  "last_60s": {"device_utilization": 0.41, "device_share": 1, "cpu_threads": 0.5, "completed": 200},
  "clients": [
    {"client": "uid 1 pid 2 (idle)", "completed": 9, "last_60s": {"device_utilization": 0, "cpu_threads": 0}},
    {"client": "uid 1 pid 3 (light)", "completed": 7, "waiting": 0,
     "last_10s": {"device_utilization": 0.1}, "last_60s": {"device_utilization": 0.05}},
    {"client": "uid 1 pid 4 (\u001b[31mheavy)", "id": "cam", "completed": 11, "decoded": 4, "waiting": 3,
     "refused": {"client_queue_full": 17},
     "last_10s": {"device_utilization": 0.7, "cpu_threads": 1.2}, "last_60s": {"device_utilization": 0.3}}],
  "models": [{"model": "m", "completed": 20, "last_60s": {"device_utilization": 0.4}}]})json";

TEST(PresentStatsTest, WhoUsesMostNowComesFirst) {
  const auto stats = PresentStats(kStats);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->json["completed"], 4102);
  EXPECT_EQ(stats->text,
            "device   83.1 % busy in the last 10 s, 41.0 % in the last minute\n"
            "threads  1.25 busy in the last 10 s, 0.50 in the last minute\n"
            "queue    3 waiting, 1 running\n"
            "so far   4102 inferences, 5 images decoded alone, 2 failed, 0 cancelled, 7 refused\n"
            "\n"
            "CLIENT                             DEVICE 10S     60S  THREADS 10S   60S  WAITING  DONE  REFUSED\n"
            "uid 1 pid 4 (\\x1b[31mheavy) / cam      70.0 %  30.0 %         1.20  0.00        3    15       17\n"
            "uid 1 pid 3 (light)                    10.0 %   5.0 %         0.00  0.00        0     7        0\n"
            "1 client idle for a minute\n"
            "\n"
            "MODEL  DEVICE 10S     60S  THREADS 10S   60S  WAITING  DONE  REFUSED\n"
            "m           0.0 %  40.0 %         0.00  0.00        0    20        0\n");
}

TEST(PresentStatsTest, NothingYet) {
  const auto stats = PresentStats(R"({"device_seconds": 0, "clients": [], "models": []})");
  ASSERT_TRUE(stats.ok());
  EXPECT_THAT(stats->text, HasSubstr("device   0.0 % busy"));
  EXPECT_THAT(stats->text, Not(HasSubstr("CLIENT")));
}

TEST(PresentStatsTest, SomethingElse) {
  for (const char* const body : {"", "[]", "{}", "<html>", R"({"device_seconds")", "3"}) {
    EXPECT_EQ(PresentStats(body).status().code(), absl::StatusCode::kUnknown) << body;
  }
  // Members of other types count as missing.
  EXPECT_TRUE(
      PresentStats(R"({"device_seconds": "x", "waiting": [], "refused": 3, "clients": [1, {}], "models": 2})").ok());
}

}  // namespace
}  // namespace accelerd
