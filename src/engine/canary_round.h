#ifndef ACCELERD_ENGINE_CANARY_ROUND_H_
#define ACCELERD_ENGINE_CANARY_ROUND_H_

#include <memory>

#include "engine/backend_watch.h"
#include "engine/engine_model.h"
#include "engine/scheduler.h"

namespace accelerd {

/// Submits the canary of every model that has one, as a job among the others, and gives up on the device when the
/// outputs are not those of the reference. Does not wait. A canary that is not answered in time says nothing: the
/// device is busy, or lost.
void StartCanaryRound(const RoutingSnapshot& models, Scheduler& scheduler, const std::shared_ptr<BackendWatch>& watch,
                      Time now);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_CANARY_ROUND_H_
