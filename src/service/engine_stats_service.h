#ifndef ACCELERD_SERVICE_ENGINE_STATS_SERVICE_H_
#define ACCELERD_SERVICE_ENGINE_STATS_SERVICE_H_

#include "engine/scheduler.h"
#include "service/stats_service.h"

namespace accelerd {

/// StatsService on the engine's Scheduler.
class EngineStatsService : public StatsService {
 public:
  /// `scheduler` outlives the service.
  explicit EngineStatsService(const Scheduler& scheduler) : scheduler_(scheduler) {}

  SchedulerStats GetStats() const override { return scheduler_.stats(); }

 private:
  const Scheduler& scheduler_;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_ENGINE_STATS_SERVICE_H_
