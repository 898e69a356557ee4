#ifndef ACCELERD_FRONTEND_HTTP_STATS_API_H_
#define ACCELERD_FRONTEND_HTTP_STATS_API_H_

#include <cstddef>
#include <memory>

#include "frontend/http/byte_budget.h"
#include "frontend/http/router.h"
#include "service/stats_service.h"

namespace accelerd {

/// Clients that GET /stats lists, and likewise models: those with most time of the device. The others share one entry.
inline constexpr std::size_t kListedShares = 256;

/// Adds GET /stats: how the device is shared, as JSON that docs/sharing.md describes. A large answer is reserved from
/// `answers`; 503 without room. `stats` outlives the router.
void AddStatsApi(const StatsService& stats, const std::shared_ptr<ByteBudget>& answers, Router& router);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_STATS_API_H_
