#ifndef ACCELERD_ENGINE_RUN_COSTS_H_
#define ACCELERD_ENGINE_RUN_COSTS_H_

#include <unordered_map>

#include "engine/moving_mean.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// Estimates how much time of its device a run of a model will take: a moving mean of what its runs took.
class RunCosts {
 public:
  void Add(ModelGeneration model, Duration cost) {
    by_model_[model].Add(cost);
    mean_.Add(cost);
  }

  /// Returns the estimate of the model, or the mean of all runs if the model was not measured yet. Returns 0 before
  /// the first run, and for a job without a model.
  Duration Estimate(ModelGeneration model) const {
    if (model == kNoModel) {
      return Duration(0);
    }
    const auto found = by_model_.find(model);
    return (found == by_model_.end() ? mean_ : found->second).value().value_or(Duration(0));
  }

  void Forget(ModelGeneration model) { by_model_.erase(model); }

 private:
  std::unordered_map<ModelGeneration, MovingMean> by_model_;
  MovingMean mean_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RUN_COSTS_H_
