#ifndef ACCELERD_SERVICE_STATS_SERVICE_H_
#define ACCELERD_SERVICE_STATS_SERVICE_H_

#include "engine/scheduler_stats.h"

namespace accelerd {

/// How the device is shared. Implemented by the service. Thread-safe; never waits for the device.
class StatsService {
 public:
  virtual ~StatsService() = default;

  virtual SchedulerStats GetStats() const = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_STATS_SERVICE_H_
