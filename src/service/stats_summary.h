#ifndef ACCELERD_SERVICE_STATS_SUMMARY_H_
#define ACCELERD_SERVICE_STATS_SUMMARY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "engine/scheduler_stats.h"

namespace accelerd {

/// What was served, as lines for the log: one for all, then models and clients, those with most time of the device
/// first; at most `most_each` of either, and how many are left out. None when nothing was asked for.
std::vector<std::string> SummarizeStats(const SchedulerStats& stats, std::size_t most_each);

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_STATS_SUMMARY_H_
