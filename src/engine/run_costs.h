#ifndef ACCELERD_ENGINE_RUN_COSTS_H_
#define ACCELERD_ENGINE_RUN_COSTS_H_

#include <chrono>
#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// How much time of its device a run of a model will take: a moving mean of what its runs took.
class RunCosts {
 public:
  void Add(ModelGeneration model, Duration cost) {
    Move(by_model_[model], cost);
    Move(mean_, cost);
  }

  /// Of a model that was not measured yet: the mean of all runs; nothing before the first one.
  Duration Estimate(ModelGeneration model) const {
    const auto found = by_model_.find(model);
    return found == by_model_.end() ? mean_.value_or(Duration(0)) : *found->second;
  }

  void Forget(ModelGeneration model) { by_model_.erase(model); }

 private:
  static void Move(std::optional<Duration>& mean, Duration cost) {
    mean = mean ? *mean + (cost - *mean) / kNewestPart : cost;
  }

  static constexpr int kNewestPart = 8;  ///< The newest run counts an eighth.

  std::unordered_map<ModelGeneration, std::optional<Duration>> by_model_;
  std::optional<Duration> mean_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RUN_COSTS_H_
