#include "engine/placement_table.h"

#include <algorithm>
#include <cstdint>

namespace accelerd {

void PlacementTable::SetSlots(DeviceId device, ModelGeneration model, int slots) {
  Device& there = devices_[device];
  Placement& placement = there.placements[model];
  placement.slots = slots;
  if (slots == 0 && placement.running == 0) {
    there.placements.erase(model);
  }
  there.capacity = 0;
  for (const auto& [generation, other] : there.placements) {
    there.capacity = std::max(there.capacity, other.slots);
  }
}

void PlacementTable::SetState(DeviceId device, DeviceState state) {
  Device& there = devices_[device];
  there.state = state;
  there.suspect_until.reset();
}

DeviceState PlacementTable::StateOf(DeviceId device) const {
  const auto there = devices_.find(device);
  return there == devices_.end() ? DeviceState::kOpening : there->second.state;
}

bool PlacementTable::Serves(ModelGeneration model) const {
  return std::ranges::any_of(devices_, [model](const auto& entry) {
    const Device& device = entry.second;
    const auto placement = device.placements.find(model);
    return device.state == DeviceState::kReady && placement != device.placements.end() && placement->second.slots > 0;
  });
}

bool PlacementTable::Busy(DeviceId device) const {
  const auto there = devices_.find(device);
  return there != devices_.end() && there->second.running > 0;
}

bool PlacementTable::AllStuck() const {
  return !devices_.empty() &&
         std::ranges::all_of(devices_, [](const auto& entry) { return entry.second.state == DeviceState::kStuck; });
}

void PlacementTable::Suspect(DeviceId device, Time until) {
  devices_[device].suspect_until = until;
}

void PlacementTable::EndSuspicion(Time now) {
  for (auto& [id, device] : devices_) {
    if (device.suspect_until && *device.suspect_until <= now) {
      device.suspect_until.reset();
    }
  }
}

std::optional<PlacementTable::Candidate> PlacementTable::NextStart(const JobTable& jobs) const {
  std::optional<Candidate> best;
  int best_running = 0;
  for (const auto& [id, device] : devices_) {
    JobRecord* const job = NextOn(device, jobs);
    if (job == nullptr) {
      continue;
    }
    if (!best || job->order < best->job->order || (job == best->job && device.running < best_running)) {
      best = Candidate{job, id};
      best_running = device.running;
    }
  }
  return best;
}

JobRecord* PlacementTable::NextOn(const Device& device, const JobTable& jobs) {
  if (device.state != DeviceState::kReady || device.alone || device.paused || device.suspect_until ||
      device.running >= device.capacity) {
    return nullptr;
  }
  JobRecord* first = nullptr;
  for (const auto& [model, placement] : device.placements) {
    JobRecord* const job = placement.slots == 0 ? nullptr : jobs.FirstPrepared(model);
    if (job == nullptr || (first != nullptr && first->order < job->order)) {
      continue;
    }
    if (job->faults > 0 || placement.running < placement.slots) {
      first = job;
    }
  }
  const bool device_must_empty = first != nullptr && first->faults > 0 && device.running > 0;
  return device_must_empty ? nullptr : first;
}

RunId PlacementTable::Begin(const Candidate& candidate, Time now, Duration bound) {
  Device& device = devices_[candidate.device];
  device.running++;
  device.placements[candidate.job->info.model].running++;
  device.alone = candidate.job->faults > 0;
  last_run_ = static_cast<RunId>(static_cast<std::uint64_t>(last_run_) + 1);
  runs_.emplace_hint(runs_.end(), last_run_,
                     Run{candidate.job, candidate.device, candidate.job->info.model, bound, now + bound});
  return last_run_;
}

Run* PlacementTable::FirstOverdue(Time now) {
  // Few run at once.
  const auto first = std::ranges::min_element(runs_, {}, [](const auto& entry) { return entry.second.overdue_at; });
  return first == runs_.end() || first->second.overdue_at > now ? nullptr : &first->second;
}

void PlacementTable::Postpone(Run& run, Time until) {
  run.overdue_at = until;
  run.postponed = true;
}

std::optional<Time> PlacementTable::next_overdue() const {
  const auto first = std::ranges::min_element(runs_, {}, [](const auto& entry) { return entry.second.overdue_at; });
  return first == runs_.end() ? std::nullopt : std::optional(first->second.overdue_at);
}

std::optional<Run> PlacementTable::End(RunId run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) {
    return std::nullopt;
  }
  const Run ended = found->second;
  runs_.erase(found);
  Device& device = devices_[ended.device];
  device.running--;
  device.alone = false;
  const auto placement = device.placements.find(ended.model);
  placement->second.running--;
  if (placement->second.slots == 0 && placement->second.running == 0) {
    device.placements.erase(placement);
  }
  return ended;
}

std::vector<RunId> PlacementTable::RunsOn(DeviceId device) const {
  std::vector<RunId> runs;
  for (const auto& [id, run] : runs_) {
    if (run.device == device) {
      runs.push_back(id);
    }
  }
  return runs;
}

int PlacementTable::total_capacity() const {
  int capacity = 0;
  for (const auto& [id, device] : devices_) {
    capacity += device.state == DeviceState::kReady ? device.capacity : 0;
  }
  return capacity;
}

std::optional<Time> PlacementTable::next_suspicion_end() const {
  std::optional<Time> first;
  for (const auto& [id, device] : devices_) {
    if (device.suspect_until && (!first || *device.suspect_until < *first)) {
      first = device.suspect_until;
    }
  }
  return first;
}

}  // namespace accelerd
