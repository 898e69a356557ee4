#ifndef ACCELERD_BACKEND_SIMULATED_LATENCY_H_
#define ACCELERD_BACKEND_SIMULATED_LATENCY_H_

#include <random>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace accelerd {

/// "250us", "5ms", "1.5s", "2m" or "0"; at most a day. kInvalidArgument otherwise.
absl::StatusOr<Duration> ParseSimulatedDuration(std::string_view text);

/// In the largest unit that keeps it whole: "1500us", "5ms", "0".
std::string DurationToString(Duration duration);

/// How long an inference takes: the same always, or drawn from a distribution.
class Latency {
 public:
  enum class Kind { kFixed, kUniform, kNormal, kExponential };

  /// Default: no time at all.
  Latency() = default;

  /// "5ms"; "uniform:4ms,6ms", the least and the most; "normal:10ms,2ms", mean and standard deviation, cut off at 0;
  /// "exponential:10ms", the mean. kInvalidArgument otherwise.
  static absl::StatusOr<Latency> Parse(std::string_view text);

  /// What Parse reads.
  std::string ToString() const;

  Duration Sample(std::mt19937_64& random) const;

 private:
  Kind kind_ = Kind::kFixed;
  Duration first_{};
  Duration second_{};
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_LATENCY_H_
