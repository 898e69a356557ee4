// Clients that share one device, in simulated time.

#include <array>
#include <chrono>
#include <random>

#include "engine/scheduler_simulation.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Source = SchedulerSimulation::Source;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kScale = 10;  // It costs ten times as much: a tenth of the clients, for a tenth of the time.
#else
constexpr int kScale = 1;
#endif

constexpr std::size_t kFirst = 0;
constexpr std::size_t kSecond = 1;
constexpr std::size_t kThird = 2;

std::function<Duration()> Always(Duration cost) {
  return [cost] { return cost; };
}

Client Group(const std::string& name, double weight = 1) {
  return {.group = name, .member = {}, .weight = weight};
}

double Ratio(Duration one, Duration other) {
  return std::chrono::duration<double>(one) / std::chrono::duration<double>(other);
}

TEST(SchedulerFairnessTest, AGreedyClientTakesHalfOfTheDeviceFromAModestOne) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  simulation.AddClosedLoop({.client = Group("greedy"), .cost = Always(milliseconds(5))}, 64);
  simulation.AddClosedLoop({.client = Group("modest"), .cost = Always(milliseconds(5))}, 1, microseconds(300));
  simulation.RunFor(minutes(1));
  const auto& greedy = simulation.result(kFirst);
  const auto& modest = simulation.result(kSecond);
  EXPECT_NEAR(Ratio(modest.device_time, greedy.device_time), 1, 0.01);
  EXPECT_LE(SchedulerSimulation::Quantile(modest.latencies, 0.5), milliseconds(10));
  EXPECT_LE(SchedulerSimulation::Quantile(modest.latencies, 1), milliseconds(10));
  EXPECT_EQ(modest.refused, 0);
}

TEST(SchedulerFairnessTest, PreparationDoesNotSpoilIt) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  simulation.AddClosedLoop(
      {.client = Group("greedy"), .cost = Always(milliseconds(5)), .preparation = Always(milliseconds(2))}, 64);
  simulation.AddClosedLoop(
      {.client = Group("modest"), .cost = Always(milliseconds(5)), .preparation = Always(milliseconds(2))}, 1,
      microseconds(300));
  simulation.RunFor(minutes(1));
  const auto& modest = simulation.result(kSecond);
  // Its own 7 ms, and what runs and what is being prepared when it comes.
  EXPECT_LE(SchedulerSimulation::Quantile(modest.latencies, 0.5), milliseconds(14));
  EXPECT_GE(simulation.result(kFirst).device_time + modest.device_time, milliseconds(59'900)) << "it idled";
}

TEST(SchedulerFairnessTest, WeightsShareTheDevice) {
  SchedulerSimulation simulation({}, /*slots=*/2);
  simulation.AddClosedLoop({.client = Group("three", 3), .cost = Always(milliseconds(5))}, 8);
  simulation.AddClosedLoop({.client = Group("one", 1), .cost = Always(milliseconds(7))}, 8);
  simulation.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation.result(kFirst).device_time, simulation.result(kSecond).device_time), 3, 0.05);
}

TEST(SchedulerFairnessTest, ALightModelIsNotStarvedByAHeavyOneOfTheSameClient) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  simulation.AddClosedLoop({.client = Group("robot"), .model = ModelGeneration{1}, .cost = Always(milliseconds(100))},
                           16);
  simulation.AddClosedLoop({.client = Group("robot"), .model = ModelGeneration{2}, .cost = Always(milliseconds(5))}, 1);
  simulation.RunFor(minutes(1));
  EXPECT_LE(SchedulerSimulation::Quantile(simulation.result(kSecond).latencies, 1), milliseconds(105));
}

TEST(SchedulerFairnessTest, ChangingModelsGainsNothing) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  for (const std::uint64_t model : {1, 2, 3}) {
    simulation.AddClosedLoop(
        {.client = Group("many"), .model = static_cast<ModelGeneration>(model), .cost = Always(milliseconds(5))}, 4);
  }
  simulation.AddClosedLoop({.client = Group("one"), .cost = Always(milliseconds(5))}, 4);
  simulation.RunFor(minutes(1));
  const Duration many =
      simulation.result(0).device_time + simulation.result(1).device_time + simulation.result(2).device_time;
  EXPECT_NEAR(Ratio(many, simulation.result(3).device_time), 1, 0.02);
}

TEST(SchedulerFairnessTest, NamesWithinAGroupShareItsPart) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  // A new name for each request: none has a debt of its own.
  int name = 0;
  simulation.AddClosedLoop({.client = Group("peer"),
                            .cost = Always(milliseconds(5)),
                            .rename = [&name](Client& client) { client.member = std::to_string(name++ % 200); }},
                           32);
  simulation.AddClosedLoop({.client = Group("other"), .cost = Always(milliseconds(5))}, 32);
  simulation.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation.result(kFirst).device_time, simulation.result(kSecond).device_time), 1, 0.02);
}

TEST(SchedulerFairnessTest, MembersShareEqually) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  simulation.AddClosedLoop({.client = {.group = "peer", .member = "greedy"}, .cost = Always(milliseconds(5))}, 64);
  simulation.AddClosedLoop({.client = {.group = "peer", .member = "modest"}, .cost = Always(milliseconds(5))}, 2);
  simulation.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation.result(kFirst).device_time, simulation.result(kSecond).device_time), 1, 0.02);
}

TEST(SchedulerFairnessTest, ALowerClassHasFivePercent) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  for (const PriorityClass priority : {PriorityClass::kRealtime, PriorityClass::kNormal, PriorityClass::kBatch}) {
    simulation.AddClosedLoop({.client = Group("same for all"), .priority = priority, .cost = Always(milliseconds(10))},
                             8);
  }
  simulation.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation.result(kFirst).device_time, minutes(1)), 0.90, 0.005);
  EXPECT_NEAR(Ratio(simulation.result(kSecond).device_time, minutes(1)), 0.05, 0.005);
  EXPECT_NEAR(Ratio(simulation.result(kThird).device_time, minutes(1)), 0.05, 0.005);
}

TEST(SchedulerFairnessTest, AHigherClassWaitsForOneRunAtMost) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  simulation.AddClosedLoop(
      {.client = Group("background"), .priority = PriorityClass::kBatch, .cost = Always(milliseconds(10))}, 64);
  simulation.AddClosedLoop(
      {.client = Group("arm"), .priority = PriorityClass::kRealtime, .cost = Always(milliseconds(2))}, 1,
      milliseconds(33));
  simulation.RunFor(minutes(1));
  EXPECT_LE(SchedulerSimulation::Quantile(simulation.result(kSecond).latencies, 1), milliseconds(12));
}

/// The example of docs/sharing.md. Who sends its next request after the answer has none waiting when its inference
/// ends.
TEST(SchedulerFairnessTest, APriorityShowsAmongRequestsThatWait) {
  struct Case {
    int in_flight;
    int slots;
    std::array<double, 3> shares;
  };
  for (const auto& [in_flight, slots, shares] :
       {Case{1, 1, {0.5, 0.45, 0.05}}, Case{1, 2, {0.333, 0.333, 0.333}}, Case{2, 1, {0.9, 0.05, 0.05}},
        Case{2, 2, {0.5, 0.45, 0.05}}, Case{3, 2, {0.75, 0.2, 0.05}}, Case{4, 2, {0.9, 0.05, 0.05}}}) {
    SchedulerSimulation simulation({}, slots);
    for (const PriorityClass priority : {PriorityClass::kRealtime, PriorityClass::kNormal, PriorityClass::kBatch}) {
      simulation.AddClosedLoop({.client = Group(std::to_string(static_cast<int>(priority))),
                                .priority = priority,
                                .cost = Always(milliseconds(5)),
                                .preparation = Always(microseconds(300))},
                               in_flight, milliseconds(1));
    }
    simulation.RunFor(minutes(1));
    for (std::size_t i = 0; i < shares.size(); ++i) {
      EXPECT_NEAR(Ratio(simulation.result(i).device_time, slots * minutes(1)), shares.at(i), 0.01)
          << in_flight << " in flight, " << slots << " slots";
    }
  }
}

/// The theorem of start-time fair queuing: while two clients have work waiting, what they got for their weights
/// differs by at most the longest run of each, for its weight.
TEST(SchedulerFairnessTest, TheBoundOfStartTimeFairQueuingHolds) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    const auto uniform = [&random](int low, int high) {
      return [&random, low, high]() -> Duration {
        return microseconds(std::uniform_int_distribution<int>(low, high)(random));
      };
    };
    SchedulerSimulation simulation({.max_jobs = 1000}, /*slots=*/1);
    std::vector<double> weights;
    std::vector<double> longest;
    for (int i = 0; i < 6; ++i) {
      weights.push_back(std::uniform_real_distribution<double>(0.2, 5)(random));
      const int high = std::uniform_int_distribution<int>(1000, 20'000)(random);
      longest.push_back(high * 1e-6);
      simulation.AddClosedLoop({.client = Group(std::to_string(i), weights.back()), .cost = uniform(500, high)}, 4);
    }
    // With four connections each they always have work waiting; the runs that go on count at their ends.
    simulation.after_event = [&] {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          const double one = std::chrono::duration<double>(simulation.result(i).device_time).count() / weights[i];
          const double other = std::chrono::duration<double>(simulation.result(j).device_time).count() / weights[j];
          ASSERT_LE(std::abs(one - other), longest[i] / weights[i] + longest[j] / weights[j] + 1e-6);
        }
      }
    };
    simulation.RunFor(minutes(2));
  }
}

TEST(SchedulerFairnessTest, ChargesSumToTheTimeTheDeviceIsBusy) {
  SchedulerSimulation simulation({}, /*slots=*/4);
  simulation.AddClosedLoop({.client = Group("a"), .cost = Always(milliseconds(9))}, 3);
  simulation.AddClosedLoop({.client = Group("b"), .cost = Always(milliseconds(5))}, 5);
  simulation.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation.core.total().device_time, minutes(1)), 1, 0.001);
}

TEST(SchedulerFairnessTest, MillionsOfJobsOfManyClientsStarveNobody) {
  constexpr int kKnown = 1000 / kScale;
  constexpr seconds kSimulated{50 / kScale};
  SchedulerSimulation simulation({.max_jobs = 5000, .max_clients = kKnown}, /*slots=*/4);
  std::mt19937 random(7);
  for (int i = 0; i < kKnown + kKnown / 5; ++i) {
    simulation.AddClosedLoop({.client = Group(std::to_string(i)),
                              .model = static_cast<ModelGeneration>(1 + i % 3),
                              .cost = Always(microseconds(50 + i % 100))},
                             1 + i % 4, microseconds(std::uniform_int_distribution<int>(0, 5000)(random)));
  }
  simulation.RunFor(kSimulated);
  int answered = 0;
  for (std::size_t i = 0; i < simulation.sources(); ++i) {
    const auto& result = simulation.result(i);
    answered += result.answered;
    // Those that are not told apart share what one of the others gets.
    EXPECT_GT(result.answered, i < kKnown ? 10 : 0) << i;
    EXPECT_EQ(result.refused, 0);
  }
  EXPECT_GT(answered, 20'000 * std::chrono::duration<double>(kSimulated).count());
  EXPECT_LE(simulation.core.MakeReport(simulation.now).clients.size(), kKnown + 1);
}

TEST(SchedulerFairnessTest, OverloadIsRefusedEarlyAndCostsNoGoodput) {
  SchedulerSimulation simulation({}, /*slots=*/1);
  // Ten times what the device can do, by ten clients.
  for (int i = 0; i < 10; ++i) {
    simulation.AddOpenLoop(
        {.client = Group(std::to_string(i)), .cost = Always(milliseconds(5)), .timeout = milliseconds(100)},
        milliseconds(5) + microseconds(i));
  }
  simulation.RunFor(minutes(1));
  int answered = 0;
  int refused = 0;
  for (std::size_t i = 0; i < simulation.sources(); ++i) {
    const auto& result = simulation.result(i);
    answered += result.answered;
    refused += result.refused;
    EXPECT_LE(SchedulerSimulation::Quantile(result.latencies, 1), milliseconds(105));
  }
  EXPECT_GE(answered, 0.99 * 60 * 200);
  const auto& by_reason = simulation.core.total().refused;
  const auto expired = static_cast<double>(by_reason[static_cast<std::size_t>(RefusalReason::kExpired)]);
  EXPECT_LE(expired, 0.02 * refused) << "it was refused late";
}

TEST(SchedulerFairnessTest, AGreedyClientLeavesRoomInAFullQueue) {
  SchedulerSimulation simulation({.max_jobs = 32}, /*slots=*/1);
  simulation.AddClosedLoop({.client = Group("greedy"), .cost = Always(milliseconds(5))}, 64);
  simulation.AddClosedLoop({.client = Group("modest"), .cost = Always(milliseconds(5))}, 2);
  simulation.RunFor(minutes(1));
  EXPECT_EQ(simulation.result(kSecond).refused, 0);
  EXPECT_GT(simulation.result(kFirst).refused, 0);
  EXPECT_NEAR(Ratio(simulation.result(kFirst).device_time, simulation.result(kSecond).device_time), 1, 0.02);
}

struct Camera {
  Duration period;
  Duration preparation;
};

class SchedulerStreamTest : public testing::TestWithParam<Camera> {};

TEST_P(SchedulerStreamTest, TheAnsweredFrameIsFresh) {
  const auto [period, preparation] = GetParam();
  const Duration inference = milliseconds(20);
  SchedulerSimulation simulation({}, /*slots=*/1);
  simulation.AddOpenLoop(
      {.client = Group("camera"), .stream = "cam1", .cost = Always(inference), .preparation = Always(preparation)},
      period);
  simulation.RunFor(minutes(1));
  const auto& result = simulation.result(kFirst);
  const Duration slowest = std::max({period, preparation, inference});
  EXPECT_GE(result.answered, static_cast<int>(0.8 * Ratio(minutes(1), slowest)));
  EXPECT_EQ(result.refused, 0);
  EXPECT_GT(result.superseded + result.answered, 0.99 * result.asked);
  if (period <= inference && preparation < inference) {
    EXPECT_LE(SchedulerSimulation::Quantile(result.latencies, 1), 2 * inference + preparation);
  }
}

INSTANTIATE_TEST_SUITE_P(Cameras, SchedulerStreamTest,
                         testing::Values(Camera{milliseconds(10), milliseconds(1)},   // Twice as fast as the device.
                                         Camera{milliseconds(10), milliseconds(15)},  // Faster than the decoding, too.
                                         Camera{milliseconds(3), milliseconds(8)},
                                         Camera{milliseconds(30), milliseconds(50)},  // Only faster than the decoding.
                                         Camera{milliseconds(3), milliseconds(100)},
                                         Camera{milliseconds(40), milliseconds(1)}));  // Slower than everything.

}  // namespace
}  // namespace accelerd
