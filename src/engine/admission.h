#ifndef ACCELERD_ENGINE_ADMISSION_H_
#define ACCELERD_ENGINE_ADMISSION_H_

#include <array>
#include <optional>
#include <utility>

#include "engine/client_table.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// How many of each resource serve a job at once, by Resource: devices that have its model (at least 1, as one may come
/// back) and threads that prepare. 0: the job does not need the resource.
using Servers = std::array<int, kResources>;

/// What a new job finds.
struct AdmissionRequest {
  const JobInfo& job;
  const Payer& payer;
  std::array<Duration, kResources> cost{};  ///< Estimated time of each resource.
  std::size_t jobs = 0;                     ///< In the core.
  std::size_t given_bytes = 0;              ///< Of all jobs that came with tensors.
  Servers servers{};
  bool replaces_frame = false;  ///< It takes the place of a frame of its stream.
};

/// A refusal at submission.
struct Turnaway {
  RefusalReason reason;
  absl::Status status;
  bool could_make_room = false;  ///< There is none now, but another client has more than its share.
};

/// Returns how much time of the resource comes before a new job of `payer` in the fair order as it is now. What runs on
/// a device already and what may come is not counted. Of each other group it counts as much as the job's own group has
/// for its weight, of each other member of the group as much as its own member; and everything of higher classes.
Duration TimeAhead(const ClientTable& clients, const Payer& payer, PriorityClass priority, Resource resource,
                   Duration cost);

/// Whether the job may wait, by the bounds of its client and all, and by its deadline. `now`: of the submission.
/// Refusals carry RetryAfter where a later attempt may succeed. Unset: admitted.
std::optional<Turnaway> JudgeAdmission(const SchedulerLimits& limits, const ClientTable& clients,
                                       const AdmissionRequest& request, Time now);

/// Who gives up its last job for one of the payer when the queue is full: the group that has most for its weight, if it
/// then still has no less than the payer's would have.
std::optional<GroupIndex> WhoGivesRoom(const ClientTable& clients, const Payer& payer);

/// `status` with what a caller is told of `reason`.
absl::Status WithRefusal(absl::Status status, RefusalReason reason);

/// Returns `status` with the advice to try again when the work that waits is done.
absl::Status TryAgain(absl::Status status, const ClientTable& clients, const Servers& servers);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ADMISSION_H_
