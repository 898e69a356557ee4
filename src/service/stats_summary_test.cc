#include "service/stats_summary.h"

#include <chrono>

#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

ShareStats Share(Duration device_time, std::uint64_t completed) {
  ShareStats stats;
  stats.device_time = device_time;
  stats.completed = stats.started = completed;
  stats.wait = completed * 2ms;
  stats.longest_wait = 7ms;
  return stats;
}

TEST(StatsSummaryTest, SaysNothingOfNothing) {
  EXPECT_THAT(SummarizeStats({}, 10), IsEmpty());
}

TEST(StatsSummaryTest, WhoUsedMostComesFirst) {
  SchedulerStats stats;
  stats.total = Share(4000ms, 100);
  stats.total.refused[static_cast<std::size_t>(RefusalReason::kExpired)] = 3;
  stats.total.failed = 2;
  stats.models = {{"light", Share(1000ms, 50)}, {"heavy", Share(3000ms, 50)}};
  stats.clients = {{{.group = "uid 1", .member = "cam"}, Share(1000ms, 1)}, {{.group = "uid 2"}, Share(2900ms, 1)}, {}};
  EXPECT_THAT(
      SummarizeStats(stats, 10),
      ElementsAre("in all: the device worked 4.0 s, 100 inferences, waited 2.0 ms on average and 7.0 ms at most, 2 "
                  "failed, refused: 3 expired",
                  HasSubstr("model \"heavy\": 75.0 % of the device's time, 50 inferences"),
                  HasSubstr("model \"light\": 25.0 %"), HasSubstr("client \"uid 2\": 72.5 %"),
                  HasSubstr("client \"cam\" of \"uid 1\": 25.0 %"),
                  "client (all others): 0.0 % of the device's time, 0 inferences"));
}

TEST(StatsSummaryTest, ImagesWithoutAnInference) {
  SchedulerStats stats;
  ShareStats decoder;
  decoder.decoded = 8;
  decoder.processor_time = 5ms;
  stats.total = decoder;
  stats.clients = {{{.group = "idle"}, {}}, {{.group = "decoder"}, decoder}};
  EXPECT_THAT(SummarizeStats(stats, 10),
              ElementsAre(HasSubstr("0 inferences, 8 images decoded without an inference"),
                          HasSubstr("client \"decoder\": 0.0 % of the device's time, 0 inferences, 8 images decoded"),
                          HasSubstr("client \"idle\"")));
}

TEST(StatsSummaryTest, IsBounded) {
  SchedulerStats stats;
  for (int i = 0; i < 1000; ++i) {
    stats.clients.push_back({{.group = fmt::format("uid {}", i)}, Share(std::chrono::milliseconds(i), 1)});
  }
  const auto lines = SummarizeStats(stats, 10);
  ASSERT_THAT(lines, SizeIs(12));
  EXPECT_THAT(lines[1], HasSubstr("\"uid 999\""));
  EXPECT_EQ(lines.back(), "and 990 more clients");
}

}  // namespace
}  // namespace accelerd
