#ifndef ACCELERD_FRONTEND_HTTP_STATS_API_H_
#define ACCELERD_FRONTEND_HTTP_STATS_API_H_

#include "frontend/http/router.h"
#include "service/stats_service.h"

namespace accelerd {

/// Adds GET /stats: how the device is shared, as JSON that docs/sharing.md describes. `stats` outlives the router.
void AddStatsApi(const StatsService& stats, Router& router);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_STATS_API_H_
