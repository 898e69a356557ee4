#ifndef ACCELERD_FRONTEND_HTTP_HEALTH_API_H_
#define ACCELERD_FRONTEND_HTTP_HEALTH_API_H_

#include "frontend/http/router.h"
#include "service/status_service.h"

namespace accelerd {

/// Adds GET /health (always 200: what is up and what is not, as JSON), /health/live (200) and /health/ready (200, or
/// 503 with the reason and the models that do not serve). `status` outlives the router.
void AddHealthApi(const StatusService& status, Router& router);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_HEALTH_API_H_
