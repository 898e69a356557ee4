#ifndef ACCELERD_ENGINE_POLICY_CHANCE_H_
#define ACCELERD_ENGINE_POLICY_CHANCE_H_

/// \file
/// For the simulation of weeks: what chance does, and when.

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>

#include "base/clock.h"

namespace accelerd {

/// What chance can do.
enum class Chance { kUnplug, kCrash, kHang, kKill, kLie, kPoisonedJob, kLoad, kUnload, kMend };

/// How often, relative to one another, and how long it takes from one to the next on average.
struct Chances {
  std::array<double, 9> weights{};  ///< As Chance counts them.
  Duration mean = std::chrono::minutes(1);
};

/// One chance after the other, at random times.
class ChanceSource {
 public:
  ChanceSource(std::uint64_t seed, const Chances& chances, Time now) : random_(seed), chances_(chances) {
    DrawTime(now);
  }

  /// When the next one strikes.
  Time next() const { return next_; }

  /// The one that strikes now.
  Chance Draw(Time now) {
    DrawTime(now);
    return static_cast<Chance>(std::discrete_distribution(chances_.weights.begin(), chances_.weights.end())(random_));
  }

  template <typename T, std::size_t N>
  const T& AnyOf(const std::array<T, N>& items) {
    return items[random_() % N];
  }

  /// From a second to hours.
  Duration Absence() { return Seconds(std::exp2(std::uniform_real_distribution<double>(0, 14)(random_))); }

 private:
  void DrawTime(Time now) {
    const double mean = std::chrono::duration<double>(chances_.mean).count();
    next_ = now + Seconds(std::exponential_distribution<double>(1 / mean)(random_));
  }

  static Duration Seconds(double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  }

  std::mt19937_64 random_;
  const Chances chances_;
  Time next_{};
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_POLICY_CHANCE_H_
