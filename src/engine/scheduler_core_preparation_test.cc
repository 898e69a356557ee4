// How clients share the threads that decode, in simulated time.

#include <chrono>
#include <random>

#include "engine/scheduler_simulation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Source = SchedulerSimulation::Source;
using testing::Each;
using testing::Le;

constexpr std::size_t kFirst = 0;
constexpr std::size_t kSecond = 1;
constexpr std::size_t kThird = 2;

std::function<Duration()> Always(Duration cost) {
  return [cost] { return cost; };
}

Client Group(const std::string& name, double weight = 1) {
  return {.group = name, .member = {}, .weight = weight};
}

/// Asks for decoding without an inference.
Source Decoder(const Client& client, Duration cost, PriorityClass priority = PriorityClass::kNormal) {
  return {.client = client, .priority = priority, .model = kNoModel, .preparation = Always(cost)};
}

Source Classifier(const Client& client) {
  return {.client = client, .cost = Always(milliseconds(2)), .preparation = Always(milliseconds(2))};
}

double Ratio(Duration one, Duration other) {
  return ToSeconds(one) / ToSeconds(other);
}

Duration Longest(const SchedulerSimulation::Result& result) {
  return SchedulerSimulation::Quantile(result.latencies, 1);
}

class PreparationSharingTest : public testing::TestWithParam<int> {
 protected:
  int threads() const { return GetParam(); }

  SchedulerSimulation simulation_{{.max_jobs = 1000, .max_preparing = threads()}, /*slots=*/2};
};

TEST_P(PreparationSharingTest, ClientsShareTheTimeAndNotTheNumber) {
  simulation_.AddClosedLoop(Decoder(Group("heavy"), milliseconds(700)), 16);
  simulation_.AddClosedLoop(Decoder(Group("light"), milliseconds(3)), 16);
  simulation_.RunFor(minutes(2));
  const Duration heavy = simulation_.result(kFirst).processor_time;
  const Duration light = simulation_.result(kSecond).processor_time;
  EXPECT_NEAR(Ratio(heavy, light), 1, 0.05);
  EXPECT_GE(Ratio(heavy + light, minutes(2)), 0.98 * threads()) << "threads idled";
  EXPECT_LE(Ratio(heavy + light, minutes(2)), 1.001 * (threads() + 1));
}

TEST_P(PreparationSharingTest, ByWeight) {
  simulation_.AddClosedLoop(Decoder(Group("three", 3), milliseconds(10)), 16);
  simulation_.AddClosedLoop(Decoder(Group("one"), milliseconds(17)), 16);
  simulation_.RunFor(minutes(2));
  EXPECT_NEAR(Ratio(simulation_.result(kFirst).processor_time, simulation_.result(kSecond).processor_time), 3, 0.1);
}

TEST_P(PreparationSharingTest, WithAndWithoutInferenceAlike) {
  simulation_.AddClosedLoop(
      {.client = Group("classifies"), .cost = Always(microseconds(1)), .preparation = Always(milliseconds(30))}, 16);
  simulation_.AddClosedLoop(Decoder(Group("decodes"), milliseconds(50)), 16);
  simulation_.RunFor(minutes(2));
  EXPECT_NEAR(Ratio(simulation_.result(kFirst).processor_time, simulation_.result(kSecond).processor_time), 1, 0.05);
}

TEST_P(PreparationSharingTest, MakingResultsIsChargedToo) {
  Source slow = {
      .client = Group("large results"), .cost = Always(microseconds(1)), .preparation = Always(milliseconds(5))};
  slow.finishing = milliseconds(20);
  simulation_.AddClosedLoop(slow, 16);
  simulation_.AddClosedLoop(Decoder(Group("decodes"), milliseconds(5)), 16);
  simulation_.RunFor(minutes(2));
  EXPECT_NEAR(Ratio(simulation_.result(kFirst).processor_time, simulation_.result(kSecond).processor_time), 1, 0.05);
}

TEST_P(PreparationSharingTest, OneClientAloneHasAllThreads) {
  simulation_.AddClosedLoop(Decoder(Group("alone"), milliseconds(70)), 16);
  simulation_.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation_.result(kFirst).processor_time, minutes(1)), threads(), 0.01 * threads());
}

TEST_P(PreparationSharingTest, NobodyWaitsForTheLongDecodesOfOneClient) {
  simulation_.AddClosedLoop(Decoder(Group("attacker"), milliseconds(7700)), 8);
  simulation_.AddClosedLoop(Classifier(Group("victim")), 1, milliseconds(96));
  simulation_.RunFor(minutes(1));
  const auto& victim = simulation_.result(kSecond);
  EXPECT_THAT(victim.latencies, Each(Le(milliseconds(4) + SchedulerCore::kPreparationStall)));
  EXPECT_GE(victim.answered, 580);
}

/// The bound of start-time fair queuing: one decode of each other client, on all threads, comes first.
TEST_P(PreparationSharingTest, SeveralClientsHoldUpOthersByOneDecodeEach) {
  const Duration decode = milliseconds(500);
  constexpr int kAttackers = 12;
  for (int i = 0; i < kAttackers; ++i) {
    simulation_.AddClosedLoop(Decoder(Group("attacker " + std::to_string(i)), decode), 8);
  }
  simulation_.AddClosedLoop(Classifier(Group("victim")), 1, milliseconds(96));
  simulation_.RunFor(minutes(1));
  EXPECT_LE(Longest(simulation_.result(kAttackers)), (kAttackers / threads() + 1) * decode + milliseconds(5));
}

TEST_P(PreparationSharingTest, ManyCallsOfOneClientStarveNobody) {
  simulation_.AddClosedLoop(Decoder(Group("many"), milliseconds(40)), 300);
  simulation_.AddClosedLoop(Classifier(Group("victim")), 1, milliseconds(96));
  simulation_.AddClosedLoop(Decoder(Group("another"), milliseconds(10)), 1, milliseconds(96));
  simulation_.RunFor(minutes(1));
  EXPECT_LE(Longest(simulation_.result(kSecond)), milliseconds(44));
  EXPECT_LE(Longest(simulation_.result(kThird)), milliseconds(50));
  EXPECT_EQ(simulation_.result(kSecond).refused + simulation_.result(kThird).refused, 0);
}

TEST_P(PreparationSharingTest, AHigherClassGoesFirstAndLeavesSomething) {
  const Client same = Group("same for all");
  simulation_.AddClosedLoop(Decoder(same, milliseconds(10), PriorityClass::kNormal), 16);
  simulation_.AddClosedLoop(Decoder(same, milliseconds(10), PriorityClass::kBatch), 16);
  simulation_.RunFor(minutes(1));
  EXPECT_NEAR(Ratio(simulation_.result(kSecond).processor_time, minutes(1)), 0.05 * threads(), 0.005 * threads());
}

TEST_P(PreparationSharingTest, WhatCannotBeDecodedInTimeIsRefusedAtOnce) {
  // Ten times what the threads can do, by ten clients.
  std::mt19937 random(1);
  for (int i = 0; i < 10; ++i) {
    Source source = Decoder(Group(std::to_string(i)), Duration(0));
    source.preparation = [&random]() -> Duration {
      return microseconds(std::uniform_int_distribution<int>(15'000, 25'000)(random));
    };
    source.timeout = milliseconds(200);
    simulation_.AddOpenLoop(source, milliseconds(20) / threads() + microseconds(i));
  }
  simulation_.RunFor(minutes(1));
  for (std::size_t i = 0; i < simulation_.sources(); ++i) {
    // A decode that its deadline ends is lost: it had begun.
    EXPECT_GE(simulation_.result(i).answered, 0.08 * 3000 * threads());
  }
  const auto& by_reason = simulation_.core.total().refused;
  const auto count = [&by_reason](RefusalReason reason) { return by_reason[static_cast<std::size_t>(reason)]; };
  EXPECT_GT(count(RefusalReason::kTooLate) + count(RefusalReason::kClientQueueFull), 20'000);
  EXPECT_LE(static_cast<double>(count(RefusalReason::kExpired)),
            0.2 * static_cast<double>(count(RefusalReason::kTooLate) + count(RefusalReason::kClientQueueFull)));
}

/// Clients that always have work waiting differ, for their weights, by what is in preparation at most.
TEST_P(PreparationSharingTest, SharesHoldForRandomClients) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    SchedulerSimulation simulation({.max_jobs = 1000, .max_preparing = threads()}, /*slots=*/2);
    std::vector<double> weights;
    std::vector<double> longest;
    // So many that nobody's share is more than the threads that one may have.
    const std::size_t clients = 3 * static_cast<std::size_t>(threads()) + 3;
    for (std::size_t i = 0; i < clients; ++i) {
      weights.push_back(std::uniform_real_distribution<double>(0.5, 2)(random));
      const int high = std::uniform_int_distribution<int>(1000, 100'000)(random);
      longest.push_back(high * 1e-6);
      simulation.AddClosedLoop(
          {.client = Group(std::to_string(i), weights.back()),
           .model = i % 2 == 0 ? kNoModel : ModelGeneration{1},
           .cost = Always(microseconds(1)),
           .preparation =
               [&random, high] {
                 return Duration(microseconds(std::uniform_int_distribution<int>(high / 20, high)(random)));
               }},
          2 * threads() + 2);
    }
    simulation.RunFor(seconds(40));
    // Costs are known at the end alone: as many as there are threads may have been granted on a false estimate.
    const double at_once = threads() + 1;
    for (std::size_t i = 0; i < clients; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double one = ToSeconds(simulation.result(i).processor_time) / weights[i];
        const double other = ToSeconds(simulation.result(j).processor_time) / weights[j];
        EXPECT_LE(std::abs(one - other), 2 * at_once * (longest[i] / weights[i] + longest[j] / weights[j]))
            << seed << ": " << i << " and " << j;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, PreparationSharingTest, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace accelerd
