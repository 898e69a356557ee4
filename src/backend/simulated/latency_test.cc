#include "backend/simulated/latency.h"

#include <chrono>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ParseSimulatedDuration, ReadsUnits) {
  EXPECT_EQ(*ParseSimulatedDuration("250us"), microseconds(250));
  EXPECT_EQ(*ParseSimulatedDuration("5ms"), milliseconds(5));
  EXPECT_EQ(*ParseSimulatedDuration("1.5s"), milliseconds(1500));
  EXPECT_EQ(*ParseSimulatedDuration("2m"), seconds(120));
  EXPECT_EQ(*ParseSimulatedDuration("0"), seconds(0));
  for (const char* text : {"", "5", "ms", "-1s", "5 ms", "2h", "nans", "inf s", "infs", "1e9s", "5msx"}) {
    EXPECT_EQ(ParseSimulatedDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Latency, WritesWhatItReads) {
  for (const char* text :
       {"0", "5ms", "1500us", "2m", "uniform:4ms,6ms", "normal:10ms,2ms", "normal:10ms,0", "exponential:1s"}) {
    EXPECT_EQ(Latency::Parse(text)->ToString(), text);
  }
  for (const char* text : {"", "uniform", "uniform:4ms", "uniform:6ms,4ms", "normal:1ms,2ms,3ms", "exponential:1ms,2ms",
                           "exponential:", "gamma:1ms", "uniform:4ms, 6ms"}) {
    EXPECT_EQ(Latency::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

/// Mean and standard deviation of many samples, in milliseconds. None is negative.
std::pair<double, double> Moments(const char* text) {
  constexpr int kSamples = 20000;
  const Latency latency = *Latency::Parse(text);
  std::mt19937_64 random(1);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double sample = std::chrono::duration<double, std::milli>(latency.Sample(random)).count();
    EXPECT_GE(sample, 0);
    sum += sample;
    squares += sample * sample;
  }
  const double mean = sum / kSamples;
  return {mean, std::sqrt(squares / kSamples - mean * mean)};
}

TEST(Latency, DrawsFromItsDistribution) {
  EXPECT_EQ(Moments("5ms").first, 5);
  EXPECT_EQ(Moments("0").first, 0);
  const auto [uniform_mean, uniform_deviation] = Moments("uniform:4ms,10ms");
  EXPECT_NEAR(uniform_mean, 7, 0.1);
  EXPECT_NEAR(uniform_deviation, 6 / std::sqrt(12), 0.1);
  const auto [normal_mean, normal_deviation] = Moments("normal:10ms,2ms");
  EXPECT_NEAR(normal_mean, 10, 0.1);
  EXPECT_NEAR(normal_deviation, 2, 0.1);
  const auto [exponential_mean, exponential_deviation] = Moments("exponential:10ms");
  EXPECT_NEAR(exponential_mean, 10, 0.5);
  EXPECT_NEAR(exponential_deviation, 10, 0.5);
  EXPECT_GT(Moments("normal:1ms,5ms").first, 1);  // Cut off at 0.
}

}  // namespace
}  // namespace accelerd
