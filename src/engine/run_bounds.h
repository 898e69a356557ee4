#ifndef ACCELERD_ENGINE_RUN_BOUNDS_H_
#define ACCELERD_ENGINE_RUN_BOUNDS_H_

#include <algorithm>
#include <unordered_map>

#include "base/clock.h"
#include "engine/run_times.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// How long a run may take before it counts as hanging: some medians of its model's (see SchedulerLimits).
class RunBounds {
 public:
  explicit RunBounds(const SchedulerLimits& limits) : least_(limits.least_run_bound), most_(limits.most_run_bound) {}

  void Add(ModelGeneration model, Duration time) { times_[model].Add(time); }
  void Forget(ModelGeneration model) { times_.erase(model); }

  Duration Of(ModelGeneration model) const {
    const auto measured = times_.find(model);
    if (measured == times_.end()) {
      return most_;
    }
    return std::min(std::max(kMediansToHang * measured->second.Median(), least_), most_);
  }

 private:
  static constexpr int kMediansToHang = 20;

  const Duration least_;
  const Duration most_;
  std::unordered_map<ModelGeneration, RunTimes> times_;  ///< Of models that are placed.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RUN_BOUNDS_H_
