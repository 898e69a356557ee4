#ifndef ACCELERD_ENGINE_ACCOUNT_H_
#define ACCELERD_ENGINE_ACCOUNT_H_

#include <cstddef>

#include "engine/recent_use.h"
#include "engine/scheduler_stats.h"

namespace accelerd {

/// What one client, one model or all together asked for and got. Not thread-safe.
struct Account {
  ShareStats stats;  ///< Without `recent`.
  RecentUse recent;

  /// Adds `amount` of the resource, which was used at a constant rate from `from` to `to`. `to` is now.
  void AddUse(Resource resource, Duration amount, Time from, Time to) {
    (resource == Resource::kDevice ? stats.device_time : stats.processor_time) += amount;
    recent.Add(resource, amount, from, to);
  }

  void CountCompleted(Time now) {
    stats.completed++;
    recent.CountCompleted(now);
  }

  /// Adds what `other` counted.
  void Merge(const Account& other) {
    Accumulate(stats, other.stats);
    recent.Merge(other.recent);
  }

  /// Returns everything, the recent use included.
  ShareStats Report(Time now) const {
    ShareStats report = stats;
    for (std::size_t i = 0; i < kRecentWindows.size(); ++i) {
      report.recent.at(i) = recent.Over(kRecentWindows.at(i), now);
    }
    return report;
  }
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ACCOUNT_H_
