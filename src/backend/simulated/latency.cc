#include "backend/simulated/latency.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

using std::chrono::nanoseconds;

constexpr double kMaxSeconds = 86400;

struct Unit {
  std::string_view name;
  nanoseconds length;
};
constexpr std::array<Unit, 5> kUnits = {{{"m", std::chrono::minutes(1)},
                                         {"s", std::chrono::seconds(1)},
                                         {"ms", std::chrono::milliseconds(1)},
                                         {"us", std::chrono::microseconds(1)},
                                         {"ns", nanoseconds(1)}}};

struct Distribution {
  std::string_view name;
  Latency::Kind kind;
  int parameters;
};
constexpr std::array<Distribution, 3> kDistributions = {{{"uniform", Latency::Kind::kUniform, 2},
                                                         {"normal", Latency::Kind::kNormal, 2},
                                                         {"exponential", Latency::Kind::kExponential, 1}}};

Duration FromNanoseconds(double count) {
  return nanoseconds(static_cast<nanoseconds::rep>(std::clamp(count, 0.0, kMaxSeconds * 1e9)));
}

double ToNanoseconds(Duration duration) {
  return static_cast<double>(nanoseconds(duration).count());
}

absl::Status NoLatency(std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no latency: give 5ms, uniform:4ms,6ms, normal:10ms,2ms or exponential:10ms", text));
}

}  // namespace

absl::StatusOr<Duration> ParseSimulatedDuration(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto* found = std::ranges::find(kUnits, unit, &Unit::name);
  const bool zero = unit.empty() && number == 0;
  if (error != std::errc() || (found == kUnits.end() && !zero)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no duration: give a number with ns, us, ms, s or m, such as 5ms", text));
  }
  if (zero) {
    return Duration(0);
  }
  const double count = number * static_cast<double>(found->length.count());
  if (!(count >= 0 && count <= kMaxSeconds * 1e9)) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is not a duration from 0 to a day", text));
  }
  return FromNanoseconds(count);
}

std::string DurationToString(Duration duration) {
  const nanoseconds::rep count = nanoseconds(duration).count();
  for (const Unit& unit : kUnits) {
    if (count != 0 && count % unit.length.count() == 0) {
      return fmt::format("{}{}", count / unit.length.count(), unit.name);
    }
  }
  return "0";
}

absl::StatusOr<Latency> Latency::Parse(std::string_view text) {
  Latency latency;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    ACCELERD_ASSIGN_OR_RETURN(latency.first_, ParseSimulatedDuration(text));
    return latency;
  }
  const auto* distribution = std::ranges::find(kDistributions, text.substr(0, colon), &Distribution::name);
  const std::string_view parameters = text.substr(colon + 1);
  const std::size_t comma = parameters.find(',');
  const int count = comma == std::string_view::npos ? 1 : 2;
  if (distribution == kDistributions.end() || distribution->parameters != count) {
    return NoLatency(text);
  }
  latency.kind_ = distribution->kind;
  ACCELERD_ASSIGN_OR_RETURN(latency.first_, ParseSimulatedDuration(parameters.substr(0, comma)));
  if (count == 2) {
    ACCELERD_ASSIGN_OR_RETURN(latency.second_, ParseSimulatedDuration(parameters.substr(comma + 1)));
  }
  if (latency.kind_ == Kind::kUniform && latency.second_ < latency.first_) {
    return NoLatency(text);
  }
  return latency;
}

std::string Latency::ToString() const {
  if (kind_ == Kind::kFixed) {
    return DurationToString(first_);
  }
  const auto* distribution = std::ranges::find(kDistributions, kind_, &Distribution::kind);
  std::string text = fmt::format("{}:{}", distribution->name, DurationToString(first_));
  if (distribution->parameters == 2) {
    text += fmt::format(",{}", DurationToString(second_));
  }
  return text;
}

Duration Latency::Sample(std::mt19937_64& random) const {
  const double first = ToNanoseconds(first_);
  const double second = ToNanoseconds(second_);
  switch (kind_) {
    case Kind::kFixed:
      return first_;
    case Kind::kUniform:
      return FromNanoseconds(std::uniform_real_distribution<double>(first, second)(random));
    case Kind::kNormal:
      return second > 0 ? FromNanoseconds(std::normal_distribution<double>(first, second)(random)) : first_;
    case Kind::kExponential:
      return first > 0 ? FromNanoseconds(std::exponential_distribution<double>(1 / first)(random)) : first_;
  }
  return first_;
}

}  // namespace accelerd
