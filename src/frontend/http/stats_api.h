#ifndef ACCELERD_FRONTEND_HTTP_STATS_API_H_
#define ACCELERD_FRONTEND_HTTP_STATS_API_H_

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "frontend/http/byte_budget.h"
#include "frontend/http/router.h"
#include "service/stats_service.h"

namespace accelerd {

/// Clients that GET /stats lists, and likewise models: those with most time of the device. The others share one entry.
inline constexpr std::size_t kListedShares = 256;

/// Adds GET /stats: how the device is shared, as JSON that docs/sharing.md describes. A large answer is reserved from
/// `answers`; the call is answered 503 without room. `stats` outlives the router.
///
/// The caller decides which clients the answer names. Root and `owner`, the user that the service runs as, see all
/// names. Another user of this machine sees the names of its own processes, and the other clients without names. A
/// caller from another machine sees itself; the other clients share one entry.
void AddStatsApi(const StatsService& stats, const std::shared_ptr<ByteBudget>& answers, Router& router,
                 std::uint32_t owner = geteuid());

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_STATS_API_H_
