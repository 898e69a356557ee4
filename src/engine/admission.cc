#include "engine/admission.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string_view>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr Duration kLeastRetryDelay = std::chrono::seconds(1);
constexpr Duration kMostRetryDelay = std::chrono::seconds(60);

absl::Status TryIn(absl::Status status, Duration delay) {
  return WithRetryAfter(std::move(status),
                        std::chrono::ceil<std::chrono::seconds>(std::clamp(delay, kLeastRetryDelay, kMostRetryDelay)));
}

Duration Total(const WaitingTime& waiting) {
  return std::accumulate(waiting.begin(), waiting.end(), Duration(0));
}

/// Whether the group has more waiting for its weight than all have together.
bool OverItsShare(const ClientTable& clients, const ClientTable::Group& group, Resource resource) {
  const Duration own = Total(group.waiting.of(resource));
  const Duration all = Total(clients.waiting().of(resource));
  return ToSeconds(own) * clients.active_weight() > ToSeconds(all) * group.weight;
}

/// Whether no group has more jobs for its weight.
bool HasMost(const ClientTable& clients, const ClientTable::Group& group) {
  const ClientTable::Group& greediest = clients.groups()[clients.Greediest()];
  return static_cast<double>(group.jobs) / group.weight >= static_cast<double>(greediest.jobs) / greediest.weight;
}

std::optional<Turnaway> JudgeRoom(const SchedulerLimits& limits, const ClientTable& clients,
                                  const AdmissionRequest& request) {
  const ClientTable::Group& own = clients.groups()[request.payer.group];
  if (!request.replaces_frame && own.jobs >= limits.max_client_jobs) {
    return Turnaway{
        RefusalReason::kClientQueueFull,
        TryAgain(absl::ResourceExhaustedError(fmt::format(
                     "the client has {} requests waiting, all that one may have; try again later", own.jobs)),
                 clients, request.servers)};
  }
  if (!request.replaces_frame && own.bytes + request.job.input_bytes > limits.max_client_bytes) {
    return Turnaway{RefusalReason::kClientQueueFull,
                    TryAgain(absl::ResourceExhaustedError(fmt::format(
                                 "the client has {} bytes of inputs waiting, of {} that one may have; try again later",
                                 own.bytes, limits.max_client_bytes)),
                             clients, request.servers)};
  }
  if (!request.replaces_frame && request.jobs >= limits.max_jobs) {
    if (clients.active_groups() > 1 && HasMost(clients, own)) {
      return Turnaway{
          RefusalReason::kClientQueueFull,
          TryAgain(absl::ResourceExhaustedError(fmt::format(
                       "the queue is full ({} jobs), and no client has more in it than this one; try again later",
                       limits.max_jobs)),
                   clients, request.servers)};
    }
    return Turnaway{RefusalReason::kQueueFull,
                    TryAgain(absl::ResourceExhaustedError(
                                 fmt::format("the queue is full ({} jobs); try again later", limits.max_jobs)),
                             clients, request.servers),
                    /*could_make_room=*/true};
  }
  if (request.job.prepared && request.given_bytes + request.job.input_bytes > limits.max_prepared_bytes) {
    return Turnaway{RefusalReason::kQueueFull,
                    TryAgain(absl::ResourceExhaustedError(fmt::format(
                                 "the queue is full ({} bytes of inputs); try again later", limits.max_prepared_bytes)),
                             clients, request.servers)};
  }
  return std::nullopt;
}

/// Whether the job gets through with the resource within `time`: it is decoded by its deadline, and has begun to run.
std::optional<Turnaway> JudgeWait(const ClientTable& clients, const AdmissionRequest& request, Resource resource,
                                  Duration time) {
  const auto index = static_cast<std::size_t>(resource);
  const Duration waiting = Total(clients.waiting().of(resource));
  const Duration own_time = resource == Resource::kProcessor ? request.cost[index] : Duration(0);
  const Duration left = (time - own_time) * request.servers[index];
  // Most often everything that waits is done by then. While nothing waits, the estimate of its own time is no reason:
  // it would never be corrected.
  if (request.servers[index] == 0 || waiting <= std::max(left, Duration(0))) {
    return std::nullopt;
  }
  const Duration ahead = TimeAhead(clients, request.payer, request.job.priority, resource, request.cost[index]);
  if (ahead <= left) {
    return std::nullopt;
  }
  const bool own_fault = OverItsShare(clients, clients.groups()[request.payer.group], resource);
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(ahead).count();
  const std::string_view what = resource == Resource::kDevice ? "the device" : "the threads that decode";
  return Turnaway{
      own_fault ? RefusalReason::kClientQueueFull : RefusalReason::kTooLate,
      TryIn(own_fault ? absl::ResourceExhaustedError(fmt::format(
                            "the client has more waiting than its share of {}: {} ms of work come before the request, "
                            "which is past its deadline; try again later",
                            what, milliseconds))
                      : absl::DeadlineExceededError(fmt::format(
                            "{} ms of work for {} come before the request, which is past its deadline; try again later",
                            milliseconds, what)),
            ahead - left)};
}

std::optional<Turnaway> JudgeDeadline(const ClientTable& clients, const AdmissionRequest& request, Time now) {
  const Time deadline = request.job.deadline;
  if (deadline <= now) {
    return Turnaway{
        RefusalReason::kTooLate,
        TryIn(absl::DeadlineExceededError("the deadline was over when the request arrived"), kLeastRetryDelay)};
  }
  if (deadline == Time::max()) {
    return std::nullopt;
  }
  // The job takes the place of another.
  if (request.replaces_frame) {
    return std::nullopt;
  }
  for (const Resource resource : {Resource::kDevice, Resource::kProcessor}) {
    if (auto turnaway = JudgeWait(clients, request, resource, deadline - now)) {
      return turnaway;
    }
  }
  return std::nullopt;
}

}  // namespace

Duration TimeAhead(const ClientTable& clients, const Payer& payer, PriorityClass priority, Resource resource,
                   Duration cost) {
  const auto index = static_cast<std::size_t>(priority);
  Duration higher{};
  for (std::size_t i = 0; i < index; ++i) {
    higher += clients.waiting().of(resource)[i];
  }
  const ClientTable::Group& group = clients.groups()[payer.group];
  const Duration own = clients.members()[payer.member].waiting.of(resource)[index] + cost;
  Duration of_group = own;
  if (group.members > 1) {
    for (const ClientTable::Member& member : clients.members()) {
      if (member.payer.group == payer.group && member.payer.member != payer.member) {
        of_group += std::min(member.waiting.of(resource)[index], own);
      }
    }
  }
  Duration of_class = of_group;
  for (std::size_t i = 0; i < clients.groups().size(); ++i) {
    const ClientTable::Group& other = clients.groups()[i];
    if (i != payer.group && other.jobs > 0) {
      const double share = ToSeconds(of_group) * other.weight / group.weight;
      of_class += std::min(other.waiting.of(resource)[index],
                           std::chrono::duration_cast<Duration>(std::chrono::duration<double>(share)));
    }
  }
  return higher + of_class - cost;
}

std::optional<GroupIndex> WhoGivesRoom(const ClientTable& clients, const Payer& payer) {
  const GroupIndex index = clients.Greediest();
  const ClientTable::Group& greediest = clients.groups()[index];
  const ClientTable::Group& own = clients.groups()[payer.group];
  if (index == payer.group || greediest.jobs == 0 ||
      static_cast<double>(own.jobs + 1) / own.weight > static_cast<double>(greediest.jobs - 1) / greediest.weight) {
    return std::nullopt;
  }
  return index;
}

absl::Status WithRefusal(absl::Status status, RefusalReason reason) {
  status = WithReason(std::move(status), RefusalReasonName(reason));
  return reason == RefusalReason::kClientQueueFull ? WithClientLimit(std::move(status)) : status;
}

absl::Status TryAgain(absl::Status status, const ClientTable& clients, const Servers& servers) {
  Duration longest{};
  for (const Resource resource : {Resource::kDevice, Resource::kProcessor}) {
    if (const int count = servers[static_cast<std::size_t>(resource)]; count > 0) {
      longest = std::max(longest, Total(clients.waiting().of(resource)) / count);
    }
  }
  return TryIn(std::move(status), longest);
}

std::optional<Turnaway> JudgeAdmission(const SchedulerLimits& limits, const ClientTable& clients,
                                       const AdmissionRequest& request, Time now) {
  if (request.job.input_bytes > limits.max_prepared_bytes) {
    return Turnaway{RefusalReason::kTooLarge, absl::ResourceExhaustedError(fmt::format(
                                                  "the inputs of one request take {} bytes; at most {} are allowed",
                                                  request.job.input_bytes, limits.max_prepared_bytes))};
  }
  // The room last: only who has no other objection against it may take it from another.
  if (auto turnaway = JudgeDeadline(clients, request, now)) {
    return turnaway;
  }
  return JudgeRoom(limits, clients, request);
}

}  // namespace accelerd
